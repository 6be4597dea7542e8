/** Element types: their size, the typed array for them, and their number in ONNX (`TensorProto.DataType`). */

export const dtypes = {
  float32: { bytes: 4, array: Float32Array, onnx: 1 },
  float16: { bytes: 2, array: Uint16Array, onnx: 10 },
  bfloat16: { bytes: 2, array: Uint16Array, onnx: 16 },
  float64: { bytes: 8, array: Float64Array, onnx: 11 },
  int64: { bytes: 8, array: BigInt64Array, onnx: 7 },
  int32: { bytes: 4, array: Int32Array, onnx: 6 },
  int16: { bytes: 2, array: Int16Array, onnx: 5 },
  int8: { bytes: 1, array: Int8Array, onnx: 3 },
  uint8: { bytes: 1, array: Uint8Array, onnx: 2 },
  bool: { bytes: 1, array: Uint8Array, onnx: 9 },
} as const;

export type DType = keyof typeof dtypes;

/** By element type. */
export interface ElementArrays {
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float64: Float64Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** The array type for elements of `D`; float16 and bfloat16 are raw 16-bit patterns. */
export type ArrayOf<D extends DType> = ElementArrays[D];

/**
 * Number of elements of a shape; 1 for a scalar.
 * @example
 * console.log(elementCount([2, 3])); // 6
 */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
