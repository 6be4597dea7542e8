/** What the main thread and the optimizer's threads say to each other. All arrays are lent: moved there, and moved back. */
import type { AdamWForm } from "./optimizer-settings.js";

/** An array that fills its own buffer, so that it can be moved to another thread. */
export type Lendable = Float32Array<ArrayBuffer>;

/** What AdamW reads and changes of one parameter; all of one length. */
export interface AdamWArrays {
  readonly values: Float32Array;
  readonly gradients: Float32Array;
  /** Moving averages of the gradient and of its square. */
  readonly m: Float32Array;
  readonly v: Float32Array;
}

export interface AdamWStep {
  readonly form: AdamWForm;
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

export interface MomentumStep {
  readonly beta: number;
  readonly gradientScale: number;
}

export interface MuonStep {
  readonly form: "muon";
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Length of a step at rate 1, by the shape of the matrix. */
  readonly scale: number;
}

/** The arrays of one parameter that a call needs. */
export interface GradientLoan {
  readonly gradients: Lendable;
}

export interface MomentumLoan extends GradientLoan {
  readonly m: Lendable;
  readonly v: Lendable;
}

export interface UpdateLoan extends MomentumLoan {
  readonly values: Lendable;
  /** The moving average of the values, where one is kept. */
  readonly average?: Lendable;
}

export interface ParameterUpdate {
  readonly step: AdamWStep | MuonStep;
  readonly averageDecay: number | undefined;
}

export type Call =
  | { readonly call: "sumsOfSquares"; readonly loans: readonly GradientLoan[] }
  | { readonly call: "momentum"; readonly loans: readonly MomentumLoan[]; readonly step: MomentumStep }
  | { readonly call: "update"; readonly loans: readonly UpdateLoan[]; readonly updates: readonly ParameterUpdate[] };

/** A loan of either kind. */
export type Loan = GradientLoan & Partial<UpdateLoan>;

export type LoanOf<C extends Call> = C["loans"][number];

/** `end`: the thread is to leave by itself. */
export type Request = (Call & { readonly id: number }) | { readonly call: "end" };

/** `loans` come back whatever happened; `sums` are those asked for, one a loan. */
export interface Reply<L extends GradientLoan = GradientLoan> {
  readonly id: number;
  readonly loans: readonly L[];
  readonly sums: readonly number[];
  readonly error?: string;
}
