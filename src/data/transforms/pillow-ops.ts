/**
 * The operations of RandAugment, bit-exact with Pillow 13: levels (`ImageOps.py`), enhancers (`ImageEnhance.py`) and, in
 * `pillow-affine.ts`, geometry. An enhancer blends the image with one that lacks what is enhanced: `plain + factor · (image - plain)`.
 * Factor 0 gives the plain one, 1 the image. `Blend.c` calculates in single precision and truncates.
 */
import type { RawImage } from "../../processing/index.js";
import { applyTable, equalize, levelTable, smoothRow, stretched } from "./image-levels.js";
import { rotate, shearX, shearY, translateX, translateY } from "./pillow-affine.js";

/** By name, each with the image and the strength. Operations without a strength ignore the value. */
export const pillowOps = {
  AutoContrast: autoContrast,
  Equalize: equalize,
  Rotate: rotate,
  Posterize: posterize,
  Solarize: solarize,
  SolarizeAdd: solarizeAdd,
  Color: color,
  Contrast: contrast,
  Brightness: brightness,
  Sharpness: sharpness,
  ShearX: shearX,
  ShearY: shearY,
  TranslateX: translateX,
  TranslateY: translateY,
} satisfies Readonly<Record<string, (image: RawImage, value: number) => RawImage>>;

export type PillowOp = keyof typeof pillowOps;

/** Each channel stretched so that its darkest level becomes 0 and its lightest 255. */
function autoContrast(image: RawImage): RawImage {
  return stretched(image, (lowest) => -lowest);
}

/** Only the highest `bits` bits of each level; cut to a whole number, at least 1. */
function posterize(image: RawImage, bits: number): RawImage {
  const mask = 0xff << (8 - Math.max(1, Math.trunc(bits)));
  return applyTable(
    image,
    levelTable((i) => i & mask),
  );
}

/** Levels from `threshold` on inverted. */
function solarize(image: RawImage, threshold: number): RawImage {
  return applyTable(
    image,
    levelTable((i) => (i < threshold ? i : 255 - i)),
  );
}

/** `addition` added to each level, cut to 0..255, then levels from 128 on inverted. */
function solarizeAdd(image: RawImage, addition: number): RawImage {
  const table = levelTable((i) => i + addition);
  return applyTable(
    image,
    table.map((level) => (level < 128 ? level : 255 - level)),
  );
}

/** Blended with black. */
function brightness(image: RawImage, factor: number): RawImage {
  return blendWithLevel(image, 0, factor);
}

/** Blended with the mean of its luminance. */
function contrast(image: RawImage, factor: number): RawImage {
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luminance(data[i]!, data[i + 1]!, data[i + 2]!);
  return blendWithLevel(image, Math.trunc(sum / (data.length / 3) + 0.5), factor);
}

/** Blended with its luminance. */
function color(image: RawImage, factor: number): RawImage {
  const { width, height, data } = image;
  const parts = scaledDifferences(factor);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const plain = luminance(data[i]!, data[i + 1]!, data[i + 2]!);
    const zero = 255 - plain;
    out[i] = blended(plain, parts[zero + data[i]!]!);
    out[i + 1] = blended(plain, parts[zero + data[i + 1]!]!);
    out[i + 2] = blended(plain, parts[zero + data[i + 2]!]!);
  }
  return { width, height, data: out };
}

/** Blended with its smoothed self: 5 parts of a pixel and 1 of each neighbour; pixels at the border stay. */
function sharpness(image: RawImage, factor: number): RawImage {
  const { width, height, data } = image;
  const parts = scaledDifferences(factor);
  const out = data.slice();
  for (let y = 1; y < height - 1; y++) {
    smoothRow(image, y, (i, plain) => {
      out[i] = blended(plain, parts[255 + data[i]! - plain]!);
    });
  }
  return { width, height, data: out };
}

/** Pillow's `convert("L")`: ITU-R 601-2 luma with weights in units of 2^-16. */
function luminance(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

function blendWithLevel(image: RawImage, plain: number, factor: number): RawImage {
  const parts = scaledDifferences(factor);
  return applyTable(
    image,
    levelTable((i) => blended(plain, parts[255 + i - plain]!)),
  );
}

/** factor · difference for the differences -255..255, in single precision. [511] */
function scaledDifferences(factor: number): Float32Array {
  const single = Math.fround(factor);
  return Float32Array.from({ length: 511 }, (_, i) => single * (i - 255));
}

function blended(plain: number, part: number): number {
  const level = Math.fround(plain + part);
  return level <= 0 ? 0 : level >= 255 ? 255 : Math.trunc(level);
}
