/** Means and losses of outputs, in float64. */

/** A mean of weighted values. It keeps them, so that those of several ranks can be summed in the order of one process. */
export class Mean {
  /** Values and weights in turn. */
  readonly entries: number[] = [];

  add(value: number, weight = 1): void {
    this.entries.push(value, weight);
  }

  /** Sum of the weights: the number of values if all have weight 1. */
  get count(): number {
    let weights = 0;
    for (let i = 1; i < this.entries.length; i += 2) weights += this.entries[i]!;
    return weights;
  }

  /** The mean under a name; no entry if there are no values. */
  as(name: string): Readonly<Record<string, number>> {
    if (this.count === 0) return {};
    let sum = 0;
    for (let i = 0; i < this.entries.length; i += 2) sum += this.entries[i]! * this.entries[i + 1]!;
    return { [name]: sum / this.count };
  }
}

/** ln Σ exp(x) */
export function logSumExp(values: ArrayLike<number>): number {
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i]!);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - max);
  return max + Math.log(sum);
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
 * @param targets t by output; 0 for outputs that are not in the map
 */
export function binaryCrossEntropy(logits: ArrayLike<number>, targets: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i]!;
    sum += Math.max(x, 0) - x * (targets.get(i) ?? 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
  return sum;
}
