/** Image bytes to `pixel_values`, text to `input_ids`, exactly as BridgeTowerProcessor does. */
export { decodeImage, type DecodeOptions } from "./decode-image.js";
export { type ImageInput, loadImage } from "./image-input.js";
export { ImageProcessor, type PixelBatch } from "./image-processor.js";
export { imageSettings, type ImageSettings } from "./image-settings.js";

export { looksLikePhotograph } from "./looks-like-photograph.js";
export type { RawImage } from "./raw-image.js";
export { type ProcessedBatch, Processor, type ProcessorInputs } from "./processor.js";
export { type ResampleFilter, resampleFilters, resizeImage } from "./resample.js";
export { type BatchOptions, type EncodeOptions, type Encoding, type TextBatch, Tokenizer } from "./tokenizer.js";
