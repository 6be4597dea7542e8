/**
 * Pillow's enhancers (`ImageEnhance.py`, version 13), to the bit: the image blended with one that lacks what is enhanced,
 * `plain + factor · (image - plain)`. Factor 0 is the plain one, 1 the image. `Blend.c` calculates in single precision
 * and cuts towards 0.
 */
import type { RawImage } from "../../processing/index.js";
import { applyTable, levelTable } from "./image-levels.js";

/** Blended with black. */
export function brightness(image: RawImage, factor: number): RawImage {
  return blendWithLevel(image, 0, factor);
}

/** Blended with the mean of its luminance. */
export function contrast(image: RawImage, factor: number): RawImage {
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luminance(data[i]!, data[i + 1]!, data[i + 2]!);
  return blendWithLevel(image, Math.trunc(sum / (data.length / 3) + 0.5), factor);
}

/** Blended with its luminance. */
export function color(image: RawImage, factor: number): RawImage {
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
export function sharpness(image: RawImage, factor: number): RawImage {
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

/** Calls `use` with the place and the smoothed level of each sample of row `y`, but for the first and the last pixel. */
export function smoothRow({ width, data }: RawImage, y: number, use: (place: number, level: number) => void): void {
  const above = -width * 3;
  const below = width * 3;
  for (let i = (y * width + 1) * 3, end = (y * width + width - 1) * 3; i < end; i++) {
    const sides = data[i - 3]! + data[i + 3]! + data[i + above]! + data[i + below]!;
    const corners = data[i + above - 3]! + data[i + above + 3]! + data[i + below - 3]! + data[i + below + 3]!;
    // The nearest whole number of sum / 13: an odd divisor has no halves, so single precision rounds alike.
    use(i, Math.trunc((2 * (5 * data[i]! + sides + corners) + 13) / 26));
  }
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
