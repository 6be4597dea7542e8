/** Pictures to `pixel_values` as the authors' training does it, random changes included. */
export { isSeeded, type Transform, type TransformKey, transformKeys, transformPicture } from "./transform-image.js";
