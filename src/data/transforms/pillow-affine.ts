/**
 * Pillow's affine transforms with the nearest pixel and black outside (`Image.rotate`, `Image.transform`; `Geometry.c`, version 13),
 * bit-exact. A matrix maps the pixel (x, y) to its source position: (a·x + b·y + c, d·x + e·y + f).
 */
import type { RawImage } from "../../processing/index.js";

type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Turned about its middle by so many degrees, counter-clockwise. */
export function rotate(image: RawImage, degrees: number): RawImage {
  const angle = -((degrees * Math.PI) / 180);
  const cos = roundTo15Digits(Math.cos(angle));
  const sin = roundTo15Digits(Math.sin(angle));
  const x = image.width / 2;
  const y = image.height / 2;
  return transform(image, [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y]);
}

/** Row y moved to the left by factor · y. */
export function shearX(image: RawImage, factor: number): RawImage {
  return transform(image, [1, factor, 0, 0, 1, 0]);
}

/** Column x moved up by factor · x. */
export function shearY(image: RawImage, factor: number): RawImage {
  return transform(image, [1, 0, 0, factor, 1, 0]);
}

/** Moved to the left by so many pixels. */
export function translateX(image: RawImage, pixels: number): RawImage {
  return transform(image, [1, 0, pixels, 0, 1, 0]);
}

/** Moved up by so many pixels. */
export function translateY(image: RawImage, pixels: number): RawImage {
  return transform(image, [1, 0, 0, 0, 1, pixels]);
}

const roundTo15Digits = (value: number): number => Number(value.toFixed(15));

function transform(image: RawImage, matrix: Matrix): RawImage {
  const [, b, , d] = matrix;
  const { width, height } = image;
  if (b === 0 && d === 0) return moveRows(image, matrix);
  const corners = [0, width].flatMap((x) => [0, height].map((y) => at(matrix, x, y)));
  const small = corners.every(([x, y]) => Math.abs(x) < 32768 && Math.abs(y) < 32768);
  return small ? pickInFixedPoint(image, matrix) : pickInDoubles(image, matrix);
}

const at = ([a, b, c, d, e, f]: Matrix, x: number, y: number) => [x * a + y * b + c, x * d + y * e + f] as const;

/** The matrix maps rows to rows: the source column of each column is the same in all rows. */
function moveRows({ width, height, data }: RawImage, [a, , c, , e, f]: Matrix): RawImage {
  const columns = sources(width, c + a * 0.5, a);
  const rows = sources(height, f + e * 0.5, e);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    const row = rows[y]!;
    if (row < 0) {
      to += width * 3;
      continue;
    }
    for (let x = 0; x < width; x++, to += 3) {
      if (columns[x]! >= 0) copyPixel(data, (row * width + columns[x]!) * 3, out, to);
    }
  }
  return { width, height, data: out };
}

/** The source of each of `size` places, summed up step by step as Pillow does; -1 outside. */
function sources(size: number, start: number, step: number): Int32Array {
  const places = new Int32Array(size);
  for (let i = 0, exact = start; i < size; i++, exact += step) {
    places[i] = exact < 0 || exact >= size ? -1 : Math.trunc(exact);
  }
  return places;
}

/** Coordinates in units of 2^-16, for images and matrices that stay within 32768 pixels. */
function pickInFixedPoint({ width, height, data }: RawImage, [a, b, c, d, e, f]: Matrix): RawImage {
  const fixed = (value: number) => Math.floor(value * 65536 + 0.5);
  const [stepX, stepY] = [fixed(a), fixed(d)];
  const [rowStepX, rowStepY] = [fixed(b), fixed(e)];
  let startX = fixed(c + a * 0.5 + b * 0.5);
  let startY = fixed(f + d * 0.5 + e * 0.5);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let fixedX = startX;
    let fixedY = startY;
    for (let x = 0; x < width; x++, to += 3) {
      const column = fixedX >> 16;
      const row = fixedY >> 16;
      if (column >= 0 && column < width && row >= 0 && row < height) {
        copyPixel(data, (row * width + column) * 3, out, to);
      }
      fixedX += stepX;
      fixedY += stepY;
    }
    startX += rowStepX;
    startY += rowStepY;
  }
  return { width, height, data: out };
}

function pickInDoubles({ width, height, data }: RawImage, [a, b, c, d, e, f]: Matrix): RawImage {
  let startX = c + b * 0.5 + a * 0.5;
  let startY = f + e * 0.5 + d * 0.5;
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let exactX = startX;
    let exactY = startY;
    for (let x = 0; x < width; x++, to += 3) {
      if (exactX >= 0 && exactX < width && exactY >= 0 && exactY < height) {
        copyPixel(data, (Math.trunc(exactY) * width + Math.trunc(exactX)) * 3, out, to);
      }
      exactX += a;
      exactY += d;
    }
    startX += b;
    startY += e;
  }
  return { width, height, data: out };
}

function copyPixel(from: Uint8Array, source: number, to: Uint8Array, target: number): void {
  to[target] = from[source]!;
  to[target + 1] = from[source + 1]!;
  to[target + 2] = from[source + 2]!;
}
