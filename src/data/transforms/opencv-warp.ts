/**
 * OpenCV's `warpAffine` for 8-bit images with bilinear interpolation and a constant outside, as versions up to 4.10 do it
 * on x86-64, to the bit: source coordinates in units of 2^-10 cut to 2^-5, weights in units of 2^-10 (the product of the
 * two axes'). From 4.11 on OpenCV interpolates in floating point.
 */
import type { RawImage } from "../../processing/index.js";
import { roundHalfEven } from "./round-half-even.js";

/** Where the pixel (x, y) of the source goes: (a·x + b·y + c, d·x + e·y + f). */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const coordinateUnit = 1024;
/** Fractions of a pixel that are told apart. */
const fractions = 32;
const fractionBits = 5;

/** @param border the level of red, green and blue outside the image */
export function warpAffine(image: RawImage, matrix: Matrix, border: number): RawImage {
  const { width, height, data } = image;
  const [a, b, c, d, e, f] = inverse(matrix);
  const columnX = Int32Array.from({ length: width }, (_, x) => roundHalfEven(a * x * coordinateUnit));
  const columnY = Int32Array.from({ length: width }, (_, x) => roundHalfEven(d * x * coordinateUnit));
  const half = coordinateUnit / fractions / 2;
  const shift = 10 - fractionBits;
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    const rowX = roundHalfEven((b * y + c) * coordinateUnit) + half;
    const rowY = roundHalfEven((e * y + f) * coordinateUnit) + half;
    for (let x = 0; x < width; x++, to += 3) {
      const sourceX = (rowX + columnX[x]!) >> shift;
      const sourceY = (rowY + columnY[x]!) >> shift;
      interpolate(image, sourceX, sourceY, border, out, to);
    }
  }
  return { width, height, data: out };
}

/** Writes the pixel at a place given in units of 2^-5. */
function interpolate(image: RawImage, fixedX: number, fixedY: number, border: number, out: Uint8Array, to: number) {
  const { width, height, data } = image;
  const x = fixedX >> fractionBits;
  const y = fixedY >> fractionBits;
  const right = fixedX & (fractions - 1);
  const bottom = fixedY & (fractions - 1);
  const left = fractions - right;
  const top = fractions - bottom;
  const source = (y * width + x) * 3;
  const below = source + width * 3;
  if (x >= 0 && y >= 0 && x < width - 1 && y < height - 1) {
    for (let k = 0; k < 3; k++) {
      const upper = left * data[source + k]! + right * data[source + k + 3]!;
      const lower = left * data[below + k]! + right * data[below + k + 3]!;
      out[to + k] = (top * upper + bottom * lower + 512) >> 10;
    }
    return;
  }
  const [hasLeft, hasRight] = [x >= 0 && x < width, x >= -1 && x < width - 1];
  const [hasTop, hasBottom] = [y >= 0 && y < height, y >= -1 && y < height - 1];
  for (let k = 0; k < 3; k++) {
    const topLeft = hasTop && hasLeft ? data[source + k]! : border;
    const topRight = hasTop && hasRight ? data[source + k + 3]! : border;
    const bottomLeft = hasBottom && hasLeft ? data[below + k]! : border;
    const bottomRight = hasBottom && hasRight ? data[below + k + 3]! : border;
    const upper = left * topLeft + right * topRight;
    const lower = left * bottomLeft + right * bottomRight;
    out[to + k] = (top * upper + bottom * lower + 512) >> 10;
  }
}

function inverse([a, b, c, d, e, f]: Matrix): Matrix {
  const determinant = a * e - b * d;
  const scale = determinant === 0 ? 0 : 1 / determinant;
  const [p, q, r, s] = [e * scale, b * -scale, d * -scale, a * scale];
  return [p, q, -p * c - q * f, r, s, -r * c - s * f];
}
