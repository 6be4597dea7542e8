/** Shared by both families of operations: histograms, tables with the new value of each of the 256 levels, and smoothing. */
import type { RawImage } from "../../processing/index.js";

/** One table of 256 levels for red, green and blue. */
export type LevelTables = readonly [Uint8Array, Uint8Array, Uint8Array];

/** How many pixels have each level, per channel. [256] each */
function histogramsOf({ data }: RawImage): readonly [Uint32Array, Uint32Array, Uint32Array] {
  const red = new Uint32Array(256);
  const green = new Uint32Array(256);
  const blue = new Uint32Array(256);
  for (let i = 0; i < data.length; i += 3) {
    red[data[i]!]!++;
    green[data[i + 1]!]!++;
    blue[data[i + 2]!]!++;
  }
  return [red, green, blue];
}

/** The table with `level(i)` at i, clipped to 0..255 and truncated. */
export function levelTable(level: (i: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, i) => Math.trunc(Math.min(255, Math.max(0, level(i)))));
}

/** The image with the levels of each channel looked up in its table. */
function applyTables({ width, height, data }: RawImage, [red, green, blue]: LevelTables): RawImage {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    out[i] = red[data[i]!]!;
    out[i + 1] = green[data[i + 1]!]!;
    out[i + 2] = blue[data[i + 2]!]!;
  }
  return { width, height, data: out };
}

/** The image with all levels looked up in one table. */
export function applyTable(image: RawImage, table: Uint8Array): RawImage {
  return applyTables(image, [table, table, table]);
}

/**
 * Each channel with its histogram equalized: Pillow's `ImageOps.equalize`. Half a step is added before the division; a
 * channel with fewer than 255 pixels below its highest level is not changed.
 */
export function equalize(image: RawImage): RawImage {
  const [red, green, blue] = histogramsOf(image);
  return applyTables(image, [equalTable(red), equalTable(green), equalTable(blue)]);
}

function equalTable(histogram: Uint32Array): Uint8Array {
  const highest = histogram.findLastIndex((count) => count > 0);
  const below = histogram.subarray(0, highest).reduce((sum, count) => sum + count, 0);
  const step = Math.floor(below / 255);
  if (step === 0) return levelTable((i) => i);
  let passed = Math.floor(step / 2);
  return levelTable((i) => {
    const level = Math.floor(passed / step);
    passed += histogram[i]!;
    return level;
  });
}

/**
 * Each channel's levels i from the darkest to the lightest stretched to (i + shift(darkest)) · 255 / (lightest - darkest).
 * A channel of one level is not changed.
 */
export function stretched(image: RawImage, shift: (darkest: number) => number): RawImage {
  const [red, green, blue] = histogramsOf(image);
  const table = (histogram: Uint32Array): Uint8Array => {
    const darkest = histogram.findIndex((count) => count > 0);
    const lightest = histogram.findLastIndex((count) => count > 0);
    if (lightest <= darkest) return levelTable((i) => i);
    const scale = 255 / (lightest - darkest);
    const offset = shift(darkest) * scale;
    return levelTable((i) => i * scale + offset);
  };
  return applyTables(image, [table(red), table(green), table(blue)]);
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
