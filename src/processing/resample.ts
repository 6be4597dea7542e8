/**
 * The filters of Pillow's resizing, bit for bit (`src/libImaging/Resample.c`, `Geometry.c`, version 13): which source pixels
 * make an output pixel of one axis, and their weights in fixed point. When shrinking, the kernel is as wide as the step, so
 * that nothing aliases.
 */

/** Pillow's numbers of its filters, as `resample` in preprocessor_config.json. */
export const resampleFilters = { nearest: 0, lanczos: 1, bilinear: 2, bicubic: 3, box: 4, hamming: 5 } as const;
export type ResampleFilter = (typeof resampleFilters)[keyof typeof resampleFilters];

export interface Kernel {
  readonly support: number;
  readonly at: (t: number) => number;
}

/** The kernels of the filters; `nearest` has none. */
export const kernels: Readonly<Record<Exclude<ResampleFilter, 0>, Kernel>> = {
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

/** For output i: source entries first[i] .. first[i] + count[i], weighted by weights[i · stride …] in units of 2^-22. */
export interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Fraction bits of the weights. */
export const precisionBits = 22;
/** The taps of one axis. */
export function tapsFor(from: number, to: number, kernel: Kernel): Taps {
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

/** For output i of the filter `nearest`: its source. */
export function nearestSources(from: number, to: number): Int32Array {
  const sources = new Int32Array(to);
  const step = from / to;
  // Pillow adds the step up; a product would round differently now and then.
  for (let i = 0, position = step * 0.5; i < to; i++, position += step) {
    sources[i] = Math.min(from - 1, Math.trunc(position));
  }
  return sources;
}
