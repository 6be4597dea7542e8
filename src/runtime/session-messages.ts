/** What the main thread and the thread of the sessions say to each other. */
import type { InferenceSession, Tensor } from "onnxruntime-node";

/** Tensors by name, in the runtime's own terms. */
export type Values = Readonly<
  Record<string, { readonly type: Tensor.Type; readonly data: Tensor.DataType; readonly dims: readonly number[] }>
>;

export type Call =
  | {
      readonly call: "compile";
      readonly session: number;
      readonly model: Uint8Array<ArrayBuffer>;
      readonly options: InferenceSession.SessionOptions;
    }
  | { readonly call: "run"; readonly session: number; readonly feeds: Values }
  | { readonly call: "release"; readonly session: number };

/** `end`: the thread is to leave by itself. Ending it from outside while native code loads or runs aborts the process. */
export type Request = (Call & { readonly id: number }) | { readonly call: "end" };

/** `values` are the outputs of a run; other calls have none. */
export type Reply = { readonly id: number; readonly values: Values } | { readonly id: number; readonly error: string };
