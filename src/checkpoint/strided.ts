/** Views by strides, as torch describes tensors, and their bytes in row-major order. */

export interface StridedView {
  /** Bytes of one element. */
  readonly bytes: number;
  /** Offset of the storage in the file, in bytes. */
  readonly base: number;
  /** First element in the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one index to the next along each axis, none negative. */
  readonly strides: readonly number[];
}

/** Whether the elements are in row-major order; the strides of axes of one entry do not matter. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** The bytes of the storage from the view's first element to its last, counted from the storage's beginning. */
export function spanOf({ bytes, offset, shape, strides }: StridedView): { offset: number; length: number } {
  if (shape.includes(0)) return { offset: offset * bytes, length: 0 };
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  return { offset: offset * bytes, length: (last + 1) * bytes };
}

/** Copies the view's elements into `into` in row-major order; `source` holds the bytes of `spanOf(view)`. */
export function gatherStrided({ bytes, shape, strides }: StridedView, source: Uint8Array, into: Uint8Array): void {
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < into.length; to += bytes) {
    for (let i = 0; i < bytes; i++) into[to + i] = source[from + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]! * bytes;
      if (++index[axis]! < shape[axis]!) break;
      from -= index[axis]! * strides[axis]! * bytes;
      index[axis] = 0;
    }
  }
}
