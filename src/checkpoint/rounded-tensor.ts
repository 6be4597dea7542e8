/** Weights in another floating-point type: each value is rounded once, to the nearest, of two as near to the even one (IEEE 754). */

import { InputError } from "../errors.js";
import { type DType, HostTensor, toFloat32 } from "../graph/index.js";

/** Types that weights are written in. */
export type WeightDType = Extract<DType, "float32" | "float16" | "bfloat16">;

interface Format {
  /** Bits behind the leading one. */
  readonly fraction: number;
  /** Of the exponent, which is also the largest. */
  readonly bias: number;
}

const formats: Readonly<Record<WeightDType, Format>> = {
  float32: { fraction: 23, bias: 127 },
  float16: { fraction: 10, bias: 15 },
  bfloat16: { fraction: 7, bias: 127 },
};

/**
 * A floating-point tensor in the type `dtype`; the tensor itself if it has that type. Infinities and NaN are unchanged.
 * @param where name of the tensor in errors
 * @throws InputError if a finite value would become infinite
 */
export function roundedTensor(tensor: HostTensor, dtype: WeightDType, where: string): HostTensor {
  if (tensor.dtype === dtype) return tensor;
  // By way of float32 a float64 would be rounded twice.
  const values = tensor.data instanceof Float64Array ? tensor.data : toFloat32(tensor);
  const format = formats[dtype];
  checkRange(values, dtype, where);
  return new HostTensor(dtype, tensor.shape, dtype === "float32" ? Float32Array.from(values) : bitsOf(values, format));
}

function checkRange(values: Float32Array | Float64Array, dtype: WeightDType, where: string): void {
  const { fraction, bias } = formats[dtype];
  // Halfway from the largest number to the next one, which the type does not have, is the first that rounds to it.
  const limit = (2 - 2 ** -(fraction + 1)) * 2 ** bias;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(Math.abs(value) >= limit) || Math.abs(value) === Infinity) continue;
    throw new InputError({
      code: "invalid-tensor",
      where,
      expected: `values that ${dtype} can hold, up to ±${(2 - 2 ** -fraction) * 2 ** bias}`,
      found: `${value} at element ${i}`,
      hint:
        dtype === "float16"
          ? "Choose bfloat16 or float32, which reach further"
          : "Leave the weights in the type they have",
    });
  }
}

/** Patterns of 16 bits: sign, exponent, fraction. */
function bitsOf(values: Float32Array | Float64Array, { fraction, bias }: Format): Uint16Array<ArrayBuffer> {
  const infinity = (2 * bias + 1) << fraction;
  const quietNaN = infinity | (1 << (fraction - 1));
  // By exponent field: what makes one step of the fraction 1. Subnormals, of field 0, have the steps of field 1.
  const scales = Float64Array.from({ length: 2 * bias + 1 }, (_, field) => 2 ** (fraction + bias - field));
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    double[0] = values[i]!;
    const high = words[1]!;
    const sign = (high >>> 16) & 0x8000;
    const magnitude = Math.abs(double[0]);
    if (!(magnitude < Infinity)) {
      bits[i] = sign | (magnitude === Infinity ? infinity : quietNaN);
      continue;
    }
    const field = Math.max(1, ((high >>> 20) & 0x7ff) - 1023 + bias);
    // Float64 has no room for halves above 2^52: the sum is rounded to the nearest whole number, of two to the even one.
    const steps = magnitude * scales[field]! + 2 ** 52 - 2 ** 52;
    // A normal number has 2^fraction steps and more, which count its field up by one, as a carry does.
    bits[i] = sign | (((field - 1) << fraction) + steps);
  }
  return bits;
}
