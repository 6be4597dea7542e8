/**
 * Resizing as Pillow does it, to the bit (`src/libImaging/Resample.c`, `Geometry.c`, version 13): each axis on its own,
 * weights in fixed point, the result of the first pass rounded to 8 bits before the second.
 * When shrinking, the kernel is as wide as the step, so nothing aliases.
 */
import type { RawImage } from "./raw-image.js";

/** Pillow's numbers of its filters, as `resample` in preprocessor_config.json. */
export const resampleFilters = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } as const;
export type ResampleFilter = (typeof resampleFilters)[keyof typeof resampleFilters];

interface Kernel {
  readonly support: number;
  readonly at: (t: number) => number;
}

const kernels: Readonly<Record<Exclude<ResampleFilter, 0>, Kernel>> = {
  1: { support: 3, at: (t) => (t >= -3 && t < 3 ? sinc(t) * sinc(t / 3) : 0) },
  2: { support: 1, at: (t) => Math.max(0, 1 - Math.abs(t)) },
  3: { support: 2, at: (t) => cubic(Math.abs(t)) },
  4: { support: 0.5, at: (t) => (t > -0.5 && t <= 0.5 ? 1 : 0) },
  5: { support: 1, at: (t) => (Math.abs(t) < 1 ? sinc(t) * (0.54 + 0.46 * Math.cos(Math.PI * t)) : 0) },
};

function sinc(t: number): number {
  return t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI);
}

function cubic(t: number): number {
  const a = -0.5;
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/** The image at another size in pixels; the same object when the size does not change. */
export function resizeImage(image: RawImage, width: number, height: number, filter: ResampleFilter): RawImage {
  if (image.width === width && image.height === height) return image;
  if (filter === resampleFilters.nearest) return pickNearest(image, width, height);
  const kernel = kernels[filter];
  if (image.width === width) return resizeColumns(image, height, kernel);
  if (image.height === height) return resizeRows(image, width, kernel);
  return losesRowsFirst(image, width, height)
    ? resizeRows(resizeColumns(image, height, kernel), width, kernel)
    : resizeColumns(resizeRows(image, width, kernel), height, kernel);
}

/**
 * Pillow 13.0 takes the vertical pass first where that drops many more rows than columns; the order shows in the rounding.
 * Up to Pillow 12.3 the horizontal pass always came first. Both orders agree for photos of the usual 4:3 and 3:2.
 */
function losesRowsFirst(from: RawImage, width: number, height: number): boolean {
  return from.height > height && from.height - height > 2 * (from.width - width);
}

/** For output i: source entries first[i] .. first[i] + count[i], weighted by weights[i · stride …] in units of 2^-22. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

const precisionBits = 22;
const half = 1 << (precisionBits - 1);

function tapsFor(from: number, to: number, kernel: Kernel): Taps {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = kernel.support * widening;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Int32Array(to * stride), stride };
  const exact = new Float64Array(stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) sum += exact[k] = kernel.at((k + first - centre + 0.5) * (1 / widening));
    for (let k = 0; k < count; k++) {
      const weight = (sum === 0 ? exact[k]! : exact[k]! / sum) * 2 ** precisionBits;
      taps.weights[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    taps.first[i] = first;
    taps.count[i] = count;
  }
  return taps;
}

function resizeRows({ data, width: from, height }: RawImage, width: number, kernel: Kernel): RawImage {
  const { first, count, weights, stride } = tapsFor(from, width, kernel);
  // The clamped array cuts at 0 and 255, as Pillow's table does.
  const out = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let source = (y * from + first[x]!) * 3;
      let red = half;
      let green = half;
      let blue = half;
      for (let k = x * stride, end = k + count[x]!; k < end; k++, source += 3) {
        const weight = weights[k]!;
        red += weight * data[source]!;
        green += weight * data[source + 1]!;
        blue += weight * data[source + 2]!;
      }
      out[to] = red >> precisionBits;
      out[to + 1] = green >> precisionBits;
      out[to + 2] = blue >> precisionBits;
    }
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

function resizeColumns({ data, width, height: from }: RawImage, height: number, kernel: Kernel): RawImage {
  const { first, count, weights, stride } = tapsFor(from, height, kernel);
  const rowBytes = width * 3;
  const out = new Uint8ClampedArray(rowBytes * height);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < height; y++) {
    sums.fill(half);
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * stride + k]!;
      const source = (first[y]! + k) * rowBytes;
      for (let i = 0; i < rowBytes; i++) sums[i]! += weight * data[source + i]!;
    }
    for (let i = 0, to = y * rowBytes; i < rowBytes; i++, to++) out[to] = sums[i]! >> precisionBits;
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

function pickNearest(
  { data, width: fromWidth, height: fromHeight }: RawImage,
  width: number,
  height: number,
): RawImage {
  const columns = nearestSources(fromWidth, width);
  const rows = nearestSources(fromHeight, height);
  const out = new Uint8Array(width * height * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const source = (row * fromWidth + column) * 3;
      out[to++] = data[source]!;
      out[to++] = data[source + 1]!;
      out[to++] = data[source + 2]!;
    }
  }
  return { width, height, data: out };
}

function nearestSources(from: number, to: number): Int32Array {
  const sources = new Int32Array(to);
  const step = from / to;
  // Pillow adds the step up; a product would round differently now and then.
  for (let i = 0, position = step * 0.5; i < to; i++, position += step) {
    sources[i] = Math.min(from - 1, Math.trunc(position));
  }
  return sources;
}
