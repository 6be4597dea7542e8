/** Sums of gradients over micro-batches, their L2 norm, and the factor that clips them. */
import { InputError } from "../../errors.js";
import { yieldToEventLoop } from "../../threads/index.js";

/** Values that are added in about a millisecond. */
const valuesAPiece = 2 ** 20;

/**
 * sum += gradients, parameter by parameter and in place: gradients of several micro-batches become those of one step, with
 * `gradientScale` 1 / (number of micro-batches) for their mean. A parameter that the sum lacks is added to it, as the same array.
 */
export async function addInto(
  sum: Map<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  for (const [name, gradient] of gradients) {
    const total = sum.get(name);
    if (total === undefined) {
      sum.set(name, gradient);
      continue;
    }
    if (total.length !== gradient.length) {
      throw new RangeError(
        `addInto: ${name} has ${total.length} values in the sum and ${gradient.length} in the gradients`,
      );
    }
    for (let start = 0; start < total.length; start += valuesAPiece) {
      await yieldToEventLoop();
      const end = Math.min(total.length, start + valuesAPiece);
      for (let i = start; i < end; i++) total[i]! += gradient[i]!;
    }
  }
}

/**
 * A gradient is NaN or infinite. The step has changed nothing.
 * @example
 * const error = new NonFiniteError("itm_score.fc.weight", 7);
 * console.log(error.code, error.parameter); // non-finite-loss itm_score.fc.weight
 */
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
  const invalid = sums.findIndex((sum) => !Number.isFinite(sum));
  if (invalid !== -1) throw new NonFiniteError(names[invalid]!, step);
  return Math.sqrt(sums.reduce((total, sum) => total + sum, 0));
}

/** min(1, max / (norm + 1e-6)), the factor of torch 2 `clip_grad_norm_`; 1 without a limit. */
export function clipFactor(norm: number, maxGradNorm: number | undefined): number {
  return maxGradNorm === undefined ? 1 : Math.min(1, maxGradNorm / (norm + 1e-6));
}
