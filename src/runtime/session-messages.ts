/** What the main thread and the thread of the sessions say to each other. */
import type { InferenceSession, Tensor } from "onnxruntime-node";

/** Tensors by name, in the runtime's own terms. */
export type Values = Readonly<
  Record<string, { readonly type: Tensor.Type; readonly data: Tensor.DataType; readonly dims: readonly number[] }>
>;

/** A run of the elements of a lent array, under the name that the ONNX model gives it. */
export interface LentView {
  readonly name: string;
  readonly array: string;
  readonly firstElement: number;
  readonly dims: readonly number[];
}

/** Rows of a lent table: the names of two outputs, of what is added to it and of where. */
export interface LentRows {
  readonly array: string;
  /** float32 […, width] */
  readonly values: string;
  /** int64 […] */
  readonly rows: string;
}

/** What a training graph reads from and writes to lent arrays. */
export interface LentViews {
  readonly parameters: readonly LentView[];
  readonly gradients: readonly LentView[];
  readonly rows: readonly LentRows[];
}

/** Arrays whose memory is moved to the thread for one run, and back with the reply. */
export interface Lent {
  /** Read. */
  readonly parameters: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  /** Written. */
  readonly gradients: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

/** `load`: the answer tells that the thread has loaded ONNX Runtime. */
export type Call =
  | { readonly call: "load" }
  | {
      readonly call: "compile";
      readonly session: number;
      readonly model: Uint8Array<ArrayBuffer>;
      readonly options: InferenceSession.SessionOptions;
      readonly views?: LentViews;
    }
  | { readonly call: "run"; readonly session: number; readonly feeds: Values; readonly lent?: Lent }
  | { readonly call: "release"; readonly session: number };

/** `end`: the thread is to leave by itself. Ending it from outside while native code loads or runs aborts the process. */
export type Request = (Call & { readonly id: number }) | { readonly call: "end" };

/** `values` are the outputs of a run; other calls have none. What was lent comes back, also with an error. */
export type Answer = { readonly lent?: Lent } & ({ readonly values: Values } | { readonly error: string });
export type Reply = Answer & { readonly id: number };
