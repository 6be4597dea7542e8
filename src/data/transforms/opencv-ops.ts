/** The operations of BLIP's RandomAugment on OpenCV arrays (`transform/randaugment.py`), to the bit with OpenCV up to 4.10. */
import type { RawImage } from "../../processing/index.js";
import { type Matrix, warpAffine } from "./opencv-warp.js";
import { smoothRow } from "./pillow-enhance.js";
import { applyTable, equalize, levelTable, stretched } from "./image-levels.js";

/** What BLIP fills with: grey. */
const fill = 128;

/**
 * Each channel as it should be stretched from its darkest to its lightest level, and as the original does it: it negates the
 * darkest level in 8 bits without sign, so a channel without the level 0 becomes white all over. Kept, because the
 * published models were trained so.
 */
const autoContrast = (image: RawImage): RawImage => stretched(image, (lowest) => (256 - lowest) % 256);

function brightness(image: RawImage, factor: number): RawImage {
  return applyTable(
    image,
    levelTable((i) => Math.fround(i * Math.fround(factor))),
  );
}

/** As Pillow's, with the smoothed level rounded before it is blended; pixels at the border stay. */
function sharpness(image: RawImage, factor: number): RawImage {
  const { width, height, data } = image;
  const single = Math.fround(factor);
  const out = data.slice();
  for (let y = 1; y < height - 1; y++) {
    smoothRow(image, y, (i, plain) => {
      // Cast to 8 bits without clipping, as NumPy does: levels past 0 and 255 wrap around.
      out[i] = Math.trunc(Math.fround(plain + Math.fround(single * (data[i]! - plain))));
    });
  }
  return { width, height, data: out };
}

function rotate(image: RawImage, degrees: number): RawImage {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const x = image.width / 2;
  const y = image.height / 2;
  return warp(image, [cos, sin, (1 - cos) * x - sin * y, -sin, cos, sin * x + (1 - cos) * y]);
}

const warp = (image: RawImage, matrix: Matrix): RawImage => warpAffine(image, matrix, fill);

/** By name: the image changed, and how strongly. Operations without a strength ignore the value. */
export const opencvOps = {
  Identity: (image: RawImage) => image,
  AutoContrast: autoContrast,
  Brightness: brightness,
  Sharpness: sharpness,
  Equalize: equalize,
  /** Row y moved to the right by value · y. */
  ShearX: (image: RawImage, value: number) => warp(image, [1, Math.fround(value), 0, 0, 1, 0]),
  /** Column x moved down by value · x. */
  ShearY: (image: RawImage, value: number) => warp(image, [1, 0, 0, Math.fround(value), 1, 0]),
  /** Moved to the left by `value` pixels. */
  TranslateX: (image: RawImage, value: number) => warp(image, [1, 0, -Math.fround(value), 0, 1, 0]),
  /** Moved up by `value` pixels. */
  TranslateY: (image: RawImage, value: number) => warp(image, [1, 0, 0, 0, 1, -Math.fround(value)]),
  /** Turned by `value` degrees, counter-clockwise. */
  Rotate: rotate,
} satisfies Readonly<Record<string, (image: RawImage, value: number) => RawImage>>;

export type OpencvOp = keyof typeof opencvOps;
