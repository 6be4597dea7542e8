/** Images to `pixel_values` as the authors' training does it, random changes included. */
export { isSeeded, type Transform, type TransformKey, transformKeys, transformImage } from "./transform-image.js";
