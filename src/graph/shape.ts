/** Arithmetic on sizes that may be names. */
import type { Dim } from "./tensor.js";

/** NumPy's rule: aligned at the right, equal or one of them 1; `undefined` if the shapes do not broadcast. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/**
 * Whether two shapes have the same sizes, by number or by name.
 * @example
 * console.log(sameShape(["batch", 2], ["batch", 2])); // true
 */
export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The product of sizes: a number times the names in order, such as `"12·batch·text"`; names multiply as text. */
export function productOf(dims: readonly Dim[]): Dim {
  let factor = 1;
  const names: string[] = [];
  for (const dim of dims) {
    if (typeof dim === "number") {
      factor *= dim;
      continue;
    }
    const [first, ...rest] = dim.split("·");
    if (/^\d+$/.test(first!)) factor *= Number(first);
    else names.push(first!);
    names.push(...rest);
  }
  if (names.length === 0 || factor === 0) return factor;
  names.sort();
  return factor === 1 ? names.join("·") : `${factor}·${names.join("·")}`;
}

/** Axis counted from the front; negative axes count from the back. `undefined` when there is no such axis. */
export function normalizeAxis(axis: number, rank: number): number | undefined {
  const index = axis < 0 ? axis + rank : axis;
  return Number.isInteger(index) && index >= 0 && index < rank ? index : undefined;
}
