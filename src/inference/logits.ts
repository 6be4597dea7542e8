/** Logits on the host: the largest ones, and probabilities. */

/** Indices of the `count` largest logits, largest first; of equal ones the smaller index comes first, as in PyTorch. */
export function topIndices(logits: readonly number[], count = logits.length): number[] {
  return [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, count);
}

/** exp(x) / Σ exp(x) */
export function softmax(logits: readonly number[]): number[] {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = logits.map((logit) => Math.exp(logit - max));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** 1 / (1 + exp(−x)) */
export const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** Softmax of the second of two classes: match of (no match, match), true of (false, true). */
export const secondProbability = (first: number, second: number): number => sigmoid(second - first);
