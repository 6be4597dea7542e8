/** Messages between the main thread and the session worker. */
import type { InferenceSession, Tensor } from "onnxruntime-node";

/** Tensors by name, in the runtime's own terms. */
export type Values = Readonly<
  Record<string, { readonly type: Tensor.Type; readonly data: Tensor.DataType; readonly dims: readonly number[] }>
>;

/** Consecutive elements of a transferred array, under the name that the ONNX model gives them. */
export interface ArrayView {
  readonly name: string;
  readonly array: string;
  readonly firstElement: number;
  readonly dims: readonly number[];
}

/** Rows that are added to a transferred array: the names of the two outputs with their values and their indices. */
export interface ArrayRows {
  readonly array: string;
  /** float32 […, width] */
  readonly values: string;
  /** int64 […] */
  readonly rows: string;
}

/** The arrays that a training graph reads and writes. */
export interface ArrayViews {
  readonly parameters: readonly ArrayView[];
  readonly gradients: readonly ArrayView[];
  readonly rows: readonly ArrayRows[];
}

/** Arrays whose buffers are transferred to the worker for one run, and transferred back with the reply. */
export interface TransferredArrays {
  /** Read. */
  readonly parameters: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  /** Written. */
  readonly gradients: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

/** `load` is answered when the worker has loaded ONNX Runtime. */
export type Call =
  | { readonly call: "load" }
  | {
      readonly call: "compile";
      readonly session: number;
      readonly model: Uint8Array<ArrayBuffer>;
      readonly options: InferenceSession.SessionOptions;
      readonly views?: ArrayViews;
    }
  | { readonly call: "run"; readonly session: number; readonly feeds: Values; readonly arrays?: TransferredArrays }
  | { readonly call: "release"; readonly session: number };

/** `end` makes the worker exit. Terminating it from outside while native code loads or runs aborts the process. */
export type Request = (Call & { readonly id: number }) | { readonly call: "end" };

/** `values` are the outputs of a run; other calls have none. `arrays` are transferred back, also with an error. */
export type Answer = { readonly arrays?: TransferredArrays } & (
  { readonly values: Values } | { readonly error: string }
);
export type Reply = Answer & { readonly id: number };
