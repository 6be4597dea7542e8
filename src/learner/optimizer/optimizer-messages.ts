/** Messages between the main thread and the optimizer's workers. Arrays are transferred with each call, and back with its reply. */
import type { AdamWForm } from "./optimizer-settings.js";

/** An array that fills its own buffer, so that it can be transferred to another thread without a copy. */
export type TransferableArray = Float32Array<ArrayBuffer>;

/** The arrays of one parameter that AdamW reads and changes, all of the same length. */
export interface AdamWArrays {
  readonly values: Float32Array;
  readonly gradients: Float32Array;
  /** Moving averages of the gradient and of its square. */
  readonly m: Float32Array;
  readonly v: Float32Array;
}

export interface AdamWParams {
  readonly adamw: AdamWForm;
  readonly betas: readonly [beta1: number, beta2: number];
  readonly eps: number;
  /** Number of this step, from 1, for the correction of the first averages. */
  readonly t: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Multiplies the gradients as they are read: averaging over micro-batches, and clipping. */
  readonly gradientScale: number;
}

export type MomentumArrays = Omit<AdamWArrays, "values">;

export interface MomentumParams {
  readonly beta: number;
  readonly gradientScale: number;
}

export interface MuonParams {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Length of a step at rate 1, by the shape of the matrix. */
  readonly scale: number;
}

/** The arrays of one parameter that a call needs. */
export interface TransferredGradients {
  readonly gradients: TransferableArray;
}

export interface TransferredMomentum extends TransferredGradients {
  readonly m: TransferableArray;
  readonly v: TransferableArray;
}

export interface TransferredParameter extends TransferredMomentum {
  readonly values: TransferableArray;
  /** The moving average of the values, with `ema_decay`. */
  readonly average?: TransferableArray;
}

export interface ParameterUpdate {
  readonly optimizer: { readonly adamw: AdamWParams } | { readonly muon: MuonParams };
  readonly averageDecay: number | undefined;
}

/** `arrays` has an entry for each parameter. */
export type Call =
  | { readonly call: "sumsOfSquares"; readonly arrays: readonly TransferredGradients[] }
  | { readonly call: "momentum"; readonly arrays: readonly TransferredMomentum[]; readonly params: MomentumParams }
  | {
      readonly call: "update";
      readonly arrays: readonly TransferredParameter[];
      readonly updates: readonly ParameterUpdate[];
    };

export type TransferredArrays<C extends Call = Call> = C["arrays"][number];

/** `end`: the thread exits. */
export type Request = (Call & { readonly id: number }) | { readonly call: "end" };

/** `arrays` are those of the call, also after an error; `sums` are the requested sums, one for each parameter. */
export interface Reply<A extends TransferredGradients = TransferredGradients> {
  readonly id: number;
  readonly arrays: readonly A[];
  readonly sums: readonly number[];
  readonly error?: string;
}
