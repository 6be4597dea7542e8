import { type ArrayOf, type DType, dtypes, elementCount } from "./dtype.js";

/** A tensor with values: what goes into a compiled graph and what comes out. Row-major, never a view of another shape. */
export class HostTensor<D extends DType = DType> {
  constructor(
    readonly dtype: D,
    readonly shape: readonly number[],
    readonly data: ArrayOf<D>,
  ) {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(
        `HostTensor: shape [${shape.join(", ")}] needs ${elementCount(shape)} values, got ${data.length}`,
      );
    }
  }

  /** A tensor of zeros. */
  static zeros<D extends DType>(dtype: D, shape: readonly number[]): HostTensor<D> {
    // The table pairs each dtype with its array; TypeScript cannot follow the lookup through the generic.
    const data = new dtypes[dtype].array(elementCount(shape)) as ArrayOf<D>;
    return new HostTensor(dtype, shape, data);
  }

  /** The value at one index per axis, as a number: `logits.at(0, 1)`. */
  at(...indices: number[]): number {
    if (indices.length !== this.shape.length) {
      throw new RangeError(
        `at(${indices.join(", ")}): the tensor has ${this.shape.length} axes [${this.shape.join(", ")}]`,
      );
    }
    const flat = indices.reduce((position, index, axis) => {
      const size = this.shape[axis]!;
      if (!Number.isInteger(index) || index < 0 || index >= size) {
        throw new RangeError(`at(${indices.join(", ")}): axis ${axis} has ${size} entries`);
      }
      return position * size + index;
    }, 0);
    return Number(this.data[flat]);
  }

  /** Entry `index` of the first axis, sharing memory: [batch, …] -> […]. */
  row(index: number): HostTensor<D> {
    const [count = 0, ...rest] = this.shape;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new RangeError(`row(${index}): the first axis has ${count} entries`);
    }
    const size = elementCount(rest);
    return new HostTensor(this.dtype, rest, this.data.subarray(index * size, (index + 1) * size) as ArrayOf<D>);
  }

  /** Index of the largest entry along the last axis; the first one wins ties, as in PyTorch. [..., n] -> [...] */
  argmax(): HostTensor<"int64"> {
    const width = this.shape.at(-1);
    if (width === undefined || width === 0) throw new RangeError("argmax: the last axis is empty");
    const rows = this.data.length / width;
    const result = HostTensor.zeros("int64", this.shape.slice(0, -1));
    for (let row = 0; row < rows; row++) {
      let best = 0;
      for (let i = 1; i < width; i++) if (this.data[row * width + i]! > this.data[row * width + best]!) best = i;
      result.data[row] = BigInt(best);
    }
    return result;
  }

  /** All values in row-major order as numbers. */
  toArray(): number[] {
    return Array.from(this.data, Number);
  }
}
