/** BridgeTowerProcessor as transformers users know it: pictures and texts in, a batch for the model out. */
import { resolveModel, type HubOptions } from "../checkpoint/index.js";
import { decodePicture, Processor, type Picture, type ProcessedBatch } from "../processing/index.js";
import { longestText } from "../model/index.js";
import { readConfig } from "./config-file.js";

/** A picture: the path of a file, the bytes of one, or decoded RGB pixels. */
export type ImageInput = string | Uint8Array | Picture;

/** The RGB pixels of a picture, decoded where they are not yet. */
export function loadPicture(image: ImageInput): Promise<Picture> {
  return typeof image === "string" || image instanceof Uint8Array ? decodePicture(image) : Promise.resolve(image);
}

export interface ProcessOptions {
  /** `true`: to the longest text; `"max_length"`: to `max_length` or the limit. Default false: texts must be of one length. */
  readonly padding?: boolean | "max_length";
  /** Cut texts at `max_length`, or at the limit of tokenizer and model. Default false. */
  readonly truncation?: boolean;
  /** Tokens, special ones included. */
  readonly max_length?: number;
}

/** transformers 5.23 `BridgeTowerProcessor`. */
export class BridgeTowerProcessor {
  private constructor(
    private readonly processor: Processor,
    /** Most tokens that both the tokenizer's settings and the model's position table allow. */
    readonly maxLength: number,
  ) {}

  /** @throws InputError when picture settings, tokenizer or config are missing or broken */
  static async fromPretrained(idOrFolder: string, options: HubOptions = {}): Promise<BridgeTowerProcessor> {
    return BridgeTowerProcessor.fromFolder(await resolveModel(idOrFolder, options));
  }

  /** @internal */
  static async fromFolder(folder: string): Promise<BridgeTowerProcessor> {
    const [processor, config] = await Promise.all([Processor.fromFolder(folder), readConfig(folder)]);
    const limit = Math.min(processor.tokenizer.modelMaxLength, longestText(config.text_config));
    return new BridgeTowerProcessor(processor, limit);
  }

  get tokenizer(): Processor["tokenizer"] {
    return this.processor.tokenizer;
  }

  get imageProcessor(): Processor["imageProcessor"] {
    return this.processor.imageProcessor;
  }

  /**
   * `input_ids`, `attention_mask` int64 [batch, text]; `pixel_values` float32 [batch, 3, height, width]; `pixel_mask`
   * int64 [batch, height, width]. Leave out pictures or texts for half of it.
   */
  async process(
    images: ImageInput | readonly ImageInput[] | undefined,
    texts?: string | readonly string[],
    { padding = false, truncation = false, max_length }: ProcessOptions = {},
  ): Promise<ProcessedBatch> {
    const list = images === undefined ? undefined : isList(images) ? images : [images];
    const maxLength = max_length ?? (truncation || padding === "max_length" ? this.maxLength : undefined);
    return this.processor.process({
      ...(list === undefined ? {} : { images: await Promise.all(list.map(loadPicture)) }),
      ...(texts === undefined ? {} : { texts: typeof texts === "string" ? [texts] : texts }),
      padding: padding === true ? "longest" : padding,
      ...(maxLength === undefined ? {} : { maxLength }),
    });
  }

  /** The text of token ids, special tokens included unless they are skipped. */
  decode(ids: Iterable<number | bigint>, { skip_special_tokens = false } = {}): string {
    return this.processor.tokenizer.decode(ids, { skipSpecialTokens: skip_special_tokens });
  }
}

const isList = (images: ImageInput | readonly ImageInput[]): images is readonly ImageInput[] => Array.isArray(images);
