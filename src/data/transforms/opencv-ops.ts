/**
 * The operations of BLIP's RandomAugment on OpenCV arrays (`transform/randaugment.py`), bit-exact with OpenCV up to 4.10 on x86-64.
 * `warpAffine` is bilinear with a constant border: source coordinates in units of 2^-10 cut to 2^-5, weights in units of 2^-10 (the
 * product of the two axes'). From 4.11 on OpenCV interpolates in floating point.
 */
import { type RawImage, roundHalfEven } from "../../processing/index.js";
import { applyTable, equalize, levelTable, smoothRow, stretched } from "./image-levels.js";

/** The fill colour of BLIP: grey. */
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

/** The target of the source pixel (x, y): (a·x + b·y + c, d·x + e·y + f). */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const coordinateUnit = 1024;
/** Fractions of a pixel that are distinguished. */
const fractions = 32;
const fractionBits = 5;

/** @param border the level of red, green and blue outside the image */
function warpAffine(image: RawImage, matrix: Matrix, border: number): RawImage {
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
