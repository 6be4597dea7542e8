/** Losses and means of what a model says, in float64 whatever it computes in. */

/** A mean that grows; values may weigh more than one. */
export class Mean {
  private sum = 0;
  private weights = 0;

  add(value: number, weight = 1): void {
    this.sum += value * weight;
    this.weights += weight;
  }

  /** Sum of the weights: how many values there were where all weigh one. */
  get count(): number {
    return this.weights;
  }

  /** The mean under a name, or nothing where there is nothing to take it of. */
  as(name: string): Readonly<Record<string, number>> {
    return this.weights === 0 ? {} : { [name]: this.sum / this.weights };
  }
}

/** ln Σ exp(x) */
export function logSumExp(values: ArrayLike<number>): number {
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - most);
  return most + Math.log(sum);
}

/** −ln softmax(logits)[label] */
export const crossEntropy = (logits: ArrayLike<number>, label: number): number => logSumExp(logits) - logits[label]!;

/** Index of the largest value; the first one wins ties. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/**
 * Σ over all outputs of −(t ln σ(x) + (1 − t) ln(1 − σ(x))), the authors' VQA loss of one question.
 * @param targets t by output, 0 where it is not named
 */
export function binaryCrossEntropy(logits: ArrayLike<number>, targets: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i]!;
    sum += Math.max(x, 0) - x * (targets.get(i) ?? 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
  return sum;
}
