/** The geometry of preprocessing: to which size an image is resized, and which part of it is cut out. */
import { InputError } from "../errors.js";
import type { RawImage } from "./decode-image.js";
import type { ImageSettings } from "./image-settings.js";

/** The resized size of an image, and the window of `width` x `height` at (left, top) that is cut out. */
export interface Window {
  readonly resized: { readonly width: number; readonly height: number };
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** @throws InputError for an image without pixels, or a shape that leaves none; `where` is the name of the image in the error */
export function windowOf(image: RawImage, settings: ImageSettings, where: string): Window {
  const { width, height, data } = image;
  const hasSize = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0;
  if (!hasSize || data.length !== width * height * 3) {
    const found = `${data.length} bytes for ${width} x ${height} pixels`;
    throw new InputError({ code: "invalid-image", where, expected: "width × height × 3 bytes (RGB)", found });
  }
  const resized = settings.do_resize ? resizedBy(image, settings, where) : { width, height };
  if (!settings.do_center_crop) return { resized, left: 0, top: 0, ...resized };
  const side = settings.crop_size.shortest_edge;
  // Negative if the image is smaller than the crop: the outside is black.
  const round = settings.geometry === "torchvision" ? roundHalfEven : Math.floor;
  const left = round((resized.width - side) / 2);
  const top = round((resized.height - side) / 2);
  return { resized, left, top, width: side, height: side };
}

function resizedBy(image: Size, settings: ImageSettings, where: string): Size {
  const side = settings.size.shortest_edge;
  if (settings.geometry === "square") return { width: side, height: side };
  if (settings.geometry === "torchvision") return torchvisionSize(image, side, where);
  return resizedSize(image, settings, where);
}

type Size = Pick<RawImage, "width" | "height">;

// The limit of decoding: an image of one row of pixels would become gigabytes.
const maxResizedPixels = 100_000_000;

/**
 * The shorter side to `side`, the longer in proportion and truncated. torchvision 0.12, `Resize`.
 * @throws InputError `image-too-large` for an extreme aspect ratio
 */
export function torchvisionSize({ width, height }: Size, side: number, where: string): Size {
  const longer = Math.trunc((side * Math.max(width, height)) / Math.min(width, height));
  if (side * longer > maxResizedPixels) {
    throw new InputError({
      code: "image-too-large",
      where,
      expected: `an image of at most ${maxResizedPixels} pixels when its shorter side is resized to ${side}`,
      found: `${width} x ${height} pixels`,
      hint: "Crop the image to a less extreme shape",
    });
  }
  return width <= height ? { width: side, height: longer } : { width: longer, height: side };
}

/**
 * Shorter side to `size`, longer side to at most 1333/800 of it, both cut to a multiple of `size_divisor`.
 * `get_resize_output_image_size` of transformers' BridgeTower image processor.
 */
function resizedSize(
  { width, height }: Pick<RawImage, "width" | "height">,
  { size, size_divisor }: Pick<ImageSettings, "size" | "size_divisor">,
  where: string,
): { readonly width: number; readonly height: number } {
  const shorter = size.shortest_edge;
  const longer = Math.trunc((1333 / 800) * shorter);
  const scale = shorter / Math.min(height, width);
  let newHeight = height < width ? shorter : scale * height;
  let newWidth = height < width ? scale * width : shorter;
  const largest = Math.max(newHeight, newWidth);
  if (largest > longer) {
    const limit = longer / largest;
    newHeight *= limit;
    newWidth *= limit;
  }
  const multiple = (length: number): number => Math.floor(Math.trunc(length + 0.5) / size_divisor) * size_divisor;
  const resized = { width: multiple(newWidth), height: multiple(newHeight) };
  if (resized.width === 0 || resized.height === 0) {
    throw new InputError({
      code: "invalid-image",
      where,
      expected: `an image whose shorter side keeps ${size_divisor} pixels when the longer is cut to ${longer}`,
      found: `${width} x ${height} pixels`,
      hint: "Crop the image to a less extreme shape",
    });
  }
  return resized;
}

/** The nearest whole number, the even one of two: Python's `round`, OpenCV's `cvRound`. */
export function roundHalfEven(value: number): number {
  const lower = Math.floor(value);
  const rest = value - lower;
  if (rest !== 0.5) return rest < 0.5 ? lower : lower + 1;
  return lower % 2 === 0 ? lower : lower + 1;
}
