/** Shades, masks and noise for backgrounds. */
import type { Random } from "bridgetower/learner";

/** RGB, 0..255, with fractions. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A square image that is being painted: [edge, edge, 3], 0..255; values may go beyond that range until they are clamped. */
export class Canvas {
  readonly values: Float32Array;

  constructor(readonly edge: number) {
    this.values = new Float32Array(edge * edge * 3);
  }

  /** Paints each pixel for which `where` returns true with the colour that `color` returns for its row. */
  fill(color: (y: number) => Rgb, where: (x: number, y: number) => boolean = () => true): void {
    const { edge, values } = this;
    for (let y = 0, to = 0; y < edge; y++) {
      const [red, green, blue] = color(y);
      for (let x = 0; x < edge; x++, to += 3) {
        if (!where(x, y)) continue;
        values[to] = red;
        values[to + 1] = green;
        values[to + 2] = blue;
      }
    }
  }

  /** Corners as shares of the edge. */
  rectangle(left: number, top: number, right: number, bottom: number, color: Rgb): void {
    const { edge } = this;
    const [x0, x1, y0, y1] = [left, right, top, bottom].map((share) => Math.round(share * edge));
    this.fill(
      () => color,
      (x, y) => x >= x0! && x < x1! && y >= y0! && y < y1!,
    );
  }

  /** Adds the same to red, green and blue. */
  lighten(amount: (x: number, y: number, pixel: number) => number): void {
    const { edge, values } = this;
    for (let y = 0, pixel = 0; y < edge; y++) {
      for (let x = 0; x < edge; x++, pixel++) {
        const light = amount(x, y, pixel);
        for (let c = 3 * pixel; c < 3 * pixel + 3; c++) values[c]! += light;
      }
    }
  }

  /** Rounded and clamped to 0..255. */
  bytes(): Uint8Array {
    return new Uint8Array(Uint8ClampedArray.from(this.values).buffer);
  }
}

/** Colours of rows from the top to the bottom. */
export function shade(edge: number, top: Rgb, bottom: Rgb): (y: number) => Rgb {
  return (y) => {
    const share = edge === 1 ? 0 : y / (edge - 1);
    const at = (c: 0 | 1 | 2) => top[c] + (bottom[c] - top[c]) * share;
    return [at(0), at(1), at(2)];
  };
}

/**
 * Smooth noise, -0.5..0.5: `cells` x `cells` random values with cubic interpolation (Keys, a = -0.5).
 * @returns [edge, edge]
 */
export function softNoise(random: Random, edge: number, cells: number): Float32Array {
  const grid = Float32Array.from({ length: cells * cells }, () => random.uniform());
  const taps = cubicTaps(edge, cells);
  const rows = new Float32Array(cells * edge);
  for (let y = 0; y < cells; y++) {
    for (let x = 0; x < edge; x++) {
      let sum = 0;
      for (let k = 4 * x; k < 4 * x + 4; k++) sum += taps.weights[k]! * grid[y * cells + taps.from[k]!]!;
      rows[y * edge + x] = sum;
    }
  }
  const noise = new Float32Array(edge * edge);
  for (let y = 0; y < edge; y++) {
    for (let k = 4 * y; k < 4 * y + 4; k++) {
      const weight = taps.weights[k]!;
      const source = taps.from[k]! * edge;
      for (let x = 0, to = y * edge; x < edge; x++, to++) noise[to]! += weight * rows[source + x]!;
    }
  }
  for (let i = 0; i < noise.length; i++) noise[i] = Math.min(1, Math.max(0, noise[i]!)) - 0.5;
  return noise;
}

/** For every pixel of an edge, the four cells around it and their weights. */
function cubicTaps(edge: number, cells: number) {
  const from = new Int32Array(4 * edge);
  const weights = new Float32Array(4 * edge);
  for (let i = 0; i < edge; i++) {
    const centre = ((i + 0.5) * cells) / edge - 0.5;
    const first = Math.floor(centre) - 1;
    for (let k = 0; k < 4; k++) {
      from[4 * i + k] = Math.min(cells - 1, Math.max(0, first + k));
      weights[4 * i + k] = cubic(Math.abs(centre - first - k));
    }
  }
  return { from, weights };
}

function cubic(t: number): number {
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}
