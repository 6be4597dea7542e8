/**
 * Resizing of the vision tower's position table: in a graph, for images of another size than the checkpoint's, and of stored
 * values, when training starts at another size. Both are separable products with the same bicubic weights.
 */
import { concat, constant, HostTensor, matmul, reshape, slice, type Tensor } from "../graph/index.js";

/**
 * The table of `side` × `side` patches for `rows` × `columns`: the class row is kept.
 * [1 + side², hidden] -> [1 + rows · columns, hidden]
 */
export function resizedPositions(table: Tensor, side: number, rows: number, columns: number): Tensor {
  const hidden = table.shape[1]!;
  const classRow = slice(table, { axis: 0, start: 0, end: 1 });
  const grid = slice(table, { axis: 0, start: 1, end: 1 + side * side });
  // First the rows of the grid are resized, then its columns.
  const tall = matmul(bicubic(side, rows), reshape(grid, [side, side * (hidden as number)]));
  const wide = matmul(bicubic(side, columns), reshape(tall, [rows, side, hidden]));
  return concat([classRow, reshape(wide, [rows * columns, hidden])], 0);
}

const bicubic = (from: number, to: number): Tensor =>
  constant(new HostTensor("float32", [to, from], Float32Array.from(bicubicWeights(from, to))));

/**
 * The same on stored values, for a square of `to` × `to` patches from one of `from` × `from`; float64 in between.
 * [1 + from², hidden] -> [1 + to², hidden]
 */
export function resizeStoredPositions(
  table: Float32Array,
  hidden: number,
  from: number,
  to: number,
): Float32Array<ArrayBuffer> {
  const weights = bicubicWeights(from, to);
  const tall = product(weights, table.subarray(hidden), to, from);
  const resized = new Float32Array((1 + to * to) * hidden);
  resized.set(table.subarray(0, hidden));
  for (let y = 0; y < to; y++) {
    const row = tall.subarray(y * from * hidden, (y + 1) * from * hidden);
    resized.set(product(weights, row, to, from), (1 + y * to) * hidden);
  }
  return resized;
}

/** weights [to, from] · x [from, width] -> [to, width] */
function product(weights: Float64Array, x: Float32Array | Float64Array, to: number, from: number): Float64Array {
  const width = x.length / from;
  const result = new Float64Array(to * width);
  weights.forEach((weight, k) => {
    if (weight === 0) return;
    const [row, source] = [Math.floor(k / from) * width, (k % from) * width];
    for (let i = 0; i < width; i++) result[row + i]! += weight * x[source + i]!;
  });
  return result;
}

/**
 * Bicubic resizing as a matrix [to, from], row-major: torch `interpolate` with a = −0.75, half-pixel centres, edges
 * repeated, and a kernel that is not widened when shrinking.
 */
function bicubicWeights(from: number, to: number): Float64Array {
  const a = -0.75;
  const near = (u: number) => ((a + 2) * u - (a + 3)) * u * u + 1;
  const far = (u: number) => ((a * u - 5 * a) * u + 8 * a) * u - 4 * a;
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const source = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(source);
    const t = source - first;
    [far(1 + t), near(t), near(1 - t), far(2 - t)].forEach((weight, tap) => {
      const column = Math.min(Math.max(first - 1 + tap, 0), from - 1);
      weights[i * from + column]! += weight;
    });
  }
  return weights;
}
