/** Images and texts to one set of model inputs, as BridgeTowerProcessor joins them. */
import { ImageProcessor, type PixelBatch } from "./image-processor.js";
import type { RawImage } from "./raw-image.js";
import { type BatchOptions, type TextBatch, Tokenizer } from "./tokenizer.js";

export interface ProcessorInputs extends BatchOptions {
  readonly images?: readonly RawImage[];
  readonly texts?: readonly string[];
}

/** The inputs that were asked for: images give `pixel_values` and `pixel_mask`, texts `input_ids` and `attention_mask`. */
export type ProcessedBatch = Partial<PixelBatch & TextBatch>;

export class Processor {
  constructor(
    readonly imageProcessor: ImageProcessor,
    readonly tokenizer: Tokenizer,
  ) {}

  /**
   * The processor of a model folder: image settings and tokenizer.
   * @throws InputError either is missing, damaged or unsupported
   */
  static async fromFolder(folder: string): Promise<Processor> {
    const [imageProcessor, tokenizer] = await Promise.all([
      ImageProcessor.fromFolder(folder),
      Tokenizer.fromFolder(folder),
    ]);
    return new Processor(imageProcessor, tokenizer);
  }

  /**
   * Model inputs of images, texts or both. Always crops and normalises, whatever the folder's settings say, as
   * transformers' BridgeTowerProcessor does; `imageProcessor` alone obeys its settings.
   */
  process({ images, texts, ...options }: ProcessorInputs): ProcessedBatch {
    return {
      ...(texts && this.tokenizer.encodeBatch(texts, options)),
      ...(images && this.imageProcessor.preprocess(images, { do_center_crop: true, do_normalize: true })),
    };
  }
}
