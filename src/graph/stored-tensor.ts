import type { DType } from "./dtype.js";

/** A run of bytes in a file. */
export interface FileRange {
  /** Absolute path with symbolic links resolved. */
  readonly path: string;
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/**
 * A named tensor's type and where its bytes are stored: in a file, untouched (little-endian, row-major, as ONNX external
 * data needs them), or in memory if the file's own layout cannot be used in place.
 */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: FileRange | Uint8Array;
}
