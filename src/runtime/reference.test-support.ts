/** Plain JavaScript in float64 against which ops are checked: an op is given by the formula of one element. */
import { elementCount, HostTensor } from "../graph/index.js";

/** The element of a tensor that broadcasts to the place `at` (aligned at the right). */
export function read(tensor: HostTensor, at: readonly number[]): number {
  const { shape, data } = tensor;
  const offset = at.length - shape.length;
  return Number(data[shape.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : at[axis + offset]!), 0)]);
}

/** f(0) + … + f(count − 1). */
export function total(count: number, f: (i: number) => number): number {
  let result = 0;
  for (let i = 0; i < count; i++) result += f(i);
  return result;
}

/** The values of a formula at all places of `shape`, row-major. */
export function tabulate(shape: readonly number[], element: (at: readonly number[]) => number): number[] {
  return Array.from({ length: elementCount(shape) }, (_, flat) => {
    const at = shape.map(() => 0);
    for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
      at[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return element(at);
  });
}

/** 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)), good to twelve digits for |x| < 3. */
export function erfSeries(x: number): number {
  let power = x;
  return (
    (2 / Math.sqrt(Math.PI)) *
    total(80, (n) => {
      const term = power / (2 * n + 1);
      power *= (-x * x) / (n + 1);
      return term;
    })
  );
}

/** The tensor with `step` times `direction` added, in float64. */
export function moved(x: HostTensor, direction: ArrayLike<number>, step: number): HostTensor {
  return new HostTensor(
    "float64",
    x.shape,
    Float64Array.from(x.data as ArrayLike<number>, (value, i) => value + step * direction[i]!),
  );
}

/** Σ a b. */
export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => total(a.length, (i) => a[i]! * b[i]!);
