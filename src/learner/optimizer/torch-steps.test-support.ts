/** Steps that PyTorch took; `fixtures/make.py` writes them. */
import { readFileSync } from "node:fs";

export interface TorchSteps {
  readonly settings: { readonly betas: [number, number]; readonly eps: number; readonly weight_decay: number };
  readonly initial: readonly number[];
  /** Learning rate of each step. */
  readonly rates: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  /** Values after each step. */
  readonly decoupled: readonly (readonly number[])[];
  readonly original: readonly (readonly number[])[];
  readonly clipped: readonly {
    readonly max_grad_norm: number;
    readonly norm: number;
    readonly gradients: readonly (readonly number[])[];
  }[];
}

export function torchSteps(): TorchSteps {
  return JSON.parse(readFileSync(new URL("fixtures/adamw.jsonl", import.meta.url), "utf8")) as TorchSteps;
}
