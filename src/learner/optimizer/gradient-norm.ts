/** The length of all gradients together, and how far clipping shortens it. */
import { InputError } from "../../errors.js";

/** A gradient that is not finite: the step has changed nothing. */
export class NonFiniteError extends InputError {
  constructor(
    readonly parameter: string,
    step: number,
  ) {
    super({
      code: "non-finite-loss",
      where: `gradient of ${parameter} at step ${step}`,
      expected: "finite numbers",
      found: "NaN or infinity; no parameter was changed",
      hint: "Lower learning_rate, or warm up for longer",
    });
  }
}

/**
 * √Σ g² over all parameters; torch `clip_grad_norm_`'s total norm.
 * @param sums  Σ g² of each parameter, in float64
 * @param names the parameters, in the same order
 * @throws NonFiniteError naming the first parameter whose gradient is not finite
 */
export function gradientNorm(sums: readonly number[], names: readonly string[], step: number): number {
  const broken = sums.findIndex((sum) => !Number.isFinite(sum));
  if (broken !== -1) throw new NonFiniteError(names[broken]!, step);
  return Math.sqrt(sums.reduce((total, sum) => total + sum, 0));
}

/** min(1, max / (norm + 1e-6)), the factor of torch 2 `clip_grad_norm_`; 1 without a limit. */
export function clipFactor(norm: number, maxGradNorm: number | undefined): number {
  return maxGradNorm === undefined ? 1 : Math.min(1, maxGradNorm / (norm + 1e-6));
}
