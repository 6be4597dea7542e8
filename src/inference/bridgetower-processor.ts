/** BridgeTowerProcessor as transformers users know it: images and texts in, a batch for the model out. */
import {
  booleanType,
  checkArgument,
  checkFactory,
  checkOptions,
  either,
  oneOf,
  oneOrList,
  signalType,
  stringType,
  wholeNumber,
  type OptionTypes,
} from "../arguments.js";
import { hubOptions, resolveModel, type HubOptions } from "../checkpoint/index.js";
import { maxTextLength, type BridgeTowerConfig } from "../model/index.js";
import { ImageProcessor, Tokenizer, type ImageInput, type PixelBatch, type TextBatch } from "../processing/index.js";
import { abortable } from "../threads/index.js";
import { readConfig } from "./open-model.js";

export interface ProcessOptions {
  /** `true`: to the longest text; `"max_length"`: to `maxLength` or the limit. Default false: texts must be of one length. */
  readonly padding?: boolean | "max_length";
  /** Cut texts at `maxLength`, or at the limit of tokenizer and model. Default false. */
  readonly truncation?: boolean;
  /** Tokens, special ones included. */
  readonly maxLength?: number;
  /** Rejects the call with `signal.reason` as soon as it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const processOptions: OptionTypes<ProcessOptions> = {
  padding: either(booleanType, oneOf(["max_length"])),
  truncation: booleanType,
  maxLength: wholeNumber(1),
  signal: signalType,
};

/** The inputs of a batch; optional ones may be missing. */
export type BatchOf<Images, Texts> = (undefined extends Images ? Partial<PixelBatch> : PixelBatch) &
  (undefined extends Texts ? Partial<TextBatch> : TextBatch);

/**
 * transformers 5.23 `BridgeTowerProcessor`.
 * @example
 * const processor = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const { input_ids, pixel_values } = await processor.process("examples/images/010.png", "a bowling ball");
 * console.log(pixel_values.shape); // [ 1, 3, 96, 96 ]
 * console.log(processor.decode(input_ids.data)); // <s> a bowling ball</s>
 */
export class BridgeTowerProcessor {
  /** `imageProcessor` with centre crop and normalisation regardless of its settings. `process` uses it, as in transformers. @internal */
  readonly croppingImageProcessor: ImageProcessor;

  private constructor(
    readonly tokenizer: Tokenizer,
    readonly imageProcessor: ImageProcessor,
    /** Maximum number of tokens, by the tokenizer's settings and the model's position table. */
    readonly maxLength: number,
  ) {
    checkFactory("BridgeTowerProcessor", tokenizer instanceof Tokenizer && imageProcessor instanceof ImageProcessor);
    this.croppingImageProcessor = imageProcessor.withSettings({ do_center_crop: true, do_normalize: true });
  }

  /** @throws InputError when image settings, tokenizer or config are missing or broken */
  static async fromPretrained(idOrFolder: string, options: HubOptions = {}): Promise<BridgeTowerProcessor> {
    checkOptions("fromPretrained", options, hubOptions);
    const folder = await resolveModel(idOrFolder, options);
    return BridgeTowerProcessor.fromFolder(folder, (await readConfig(folder)).config);
  }

  /** @internal */
  static async fromFolder(folder: string, { text_config }: BridgeTowerConfig): Promise<BridgeTowerProcessor> {
    const [tokenizer, imageProcessor] = await Promise.all([
      Tokenizer.fromFolder(folder),
      ImageProcessor.fromFolder(folder),
    ]);
    const maxLength = Math.min(tokenizer.modelMaxLength, maxTextLength(text_config));
    return new BridgeTowerProcessor(tokenizer, imageProcessor, maxLength);
  }

  /**
   * `input_ids`, `attention_mask` int64 [batch, text]; `pixel_values` float32 [batch, 3, height, width]; `pixel_mask`
   * int64 [batch, height, width]. Leave out images or texts for half of it.
   */
  async process<
    Images extends ImageInput | readonly ImageInput[] | undefined,
    Texts extends string | readonly string[] | undefined = undefined,
  >(images: Images, texts?: Texts, options: ProcessOptions = {}): Promise<BatchOf<Images, Texts>> {
    if (texts !== undefined) checkArgument("texts", texts, oneOrList(stringType));
    checkOptions("process", options, processOptions);
    const { padding = false, truncation = false, signal } = options;
    signal?.throwIfAborted();
    const maxLength = options.maxLength ?? (truncation || padding === "max_length" ? this.maxLength : undefined);
    const textOptions = { padding: padding === true ? "longest" : padding, maxLength } as const;
    const batch = {
      ...(texts !== undefined && this.tokenizer.encodeBatch(asList<string>(texts), textOptions)),
      ...(images !== undefined &&
        (await abortable(
          this.croppingImageProcessor.preprocess(asList<ImageInput>(images), {
            onDecoded: () => signal?.throwIfAborted(),
          }),
          signal,
        ))),
    };
    // Images give the image half and texts the text half, which TypeScript cannot follow through the spreads.
    return batch as BatchOf<Images, Texts>;
  }

  /** The text of token ids, special tokens included unless they are skipped. */
  decode(ids: Iterable<number | bigint>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    return this.tokenizer.decode(ids, options);
  }
}

/** A list as it is, anything else as a list of one. */
export const asList = <T>(value: T | readonly T[]): readonly T[] => (isList(value) ? value : [value]);

// `Array.isArray` alone does not see a readonly array.
const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);
