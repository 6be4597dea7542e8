import { type ArrayOf, type DType, dtypes, elementCount } from "./dtype.js";

/**
 * A tensor with values: an input or output of a compiled graph. Row-major, never a view of another shape.
 * @example
 * const logits = new HostTensor("float32", [1, 2], Float32Array.of(-1, 1));
 * console.log(logits.at(0, 1)); // 1
 */
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
    return this.valueAt(flat);
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
      for (let i = 1; i < width; i++) if (this.isGreater(row * width + i, row * width + best)) best = i;
      result.data[row] = BigInt(best);
    }
    return result;
  }

  /** All values in row-major order as numbers. */
  toArray(): number[] {
    return Array.from(isHalf(this.dtype) ? toFloat32(this) : this.data, Number);
  }

  private valueAt(position: number): number {
    const value = Number(this.data[position]);
    return isHalf(this.dtype) ? floatOfHalf(this.dtype, value) : value;
  }

  /** int64 values are compared as bigints: as numbers, two large ones could be equal. */
  private isGreater(a: number, b: number): boolean {
    return isHalf(this.dtype) ? this.valueAt(a) > this.valueAt(b) : this.data[a]! > this.data[b]!;
  }
}

/**
 * The values as float32: float16 and bfloat16 exactly (subnormals, infinities and NaN included), everything else to the
 * nearest float32. A float32 tensor gives its own array, not a copy.
 * @example
 * console.log(toFloat32(new HostTensor("float16", [1], Uint16Array.of(0x3c00)))[0]); // 1
 */
export function toFloat32({ dtype, data }: HostTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (!isHalf(dtype)) return Float32Array.from(data, Number);
  const bits = new Uint32Array(data.length);
  for (let i = 0; i < data.length; i++) bits[i] = float32Bits(dtype, Number(data[i]));
  return new Float32Array(bits.buffer);
}

type Half = "float16" | "bfloat16";

/** Whether the values are stored as 16-bit patterns. */
const isHalf = (dtype: DType): dtype is Half => dtype === "float16" || dtype === "bfloat16";

const float32Bits = (dtype: Half, bits: number): number =>
  dtype === "bfloat16" ? bits << 16 : float32BitsOfHalf(bits);

const floatOfHalf = (dtype: Half, bits: number): number =>
  new Float32Array(Uint32Array.of(float32Bits(dtype, bits)).buffer)[0]!;

/** IEEE 754 binary16 to binary32: 5 exponent bits of bias 15 become 8 of bias 127, 10 fraction bits become 23. */
function float32BitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal float32: shift its leading one out of the fraction.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
