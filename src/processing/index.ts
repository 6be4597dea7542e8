/** Image bytes to `pixel_values`, text to `input_ids`, exactly as BridgeTowerProcessor does. */
export { decodeImage, type DecodeOptions, type RawImage } from "./decode-image.js";
export { imageEndings, isImageName, undecodedEndings } from "./image-format.js";
export type { ImageInput } from "./image-input.js";
export { ImageProcessor, type PixelBatch, type PreprocessOptions, resizeImage } from "./image-processor.js";
export {
  defaultImageSettings,
  imageSettings,
  type ChannelValues,
  type Geometry,
  type ImageSettings,
} from "./image-settings.js";
export { roundHalfEven, torchvisionSize } from "./image-window.js";
export { looksLikePhotograph } from "./looks-like-photograph.js";
export { type ResampleFilter, resampleFilters } from "./resample.js";
export { type LevelValues, Uint8Pixels } from "./uint8-pixels.js";
export { type BatchOptions, type EncodeOptions, type Encoding, type TextBatch, Tokenizer } from "./tokenizer.js";
