/** Losses and the normalisation that contrastive ones need. */
import {
  add,
  argMax,
  cast,
  div,
  equal,
  exp,
  expand,
  log,
  logSumExp,
  maximum,
  mul,
  gatherElements,
  relu,
  scalar,
  sqrt,
  sub,
  sum,
  where,
  constant,
  HostTensor,
  type Tensor,
} from "../graph/index.js";

/** The label that losses ignore by default, as in PyTorch: of tokens that are not masked. */
export const ignoredLabel = -100;

const int64 = (value: number): Tensor => constant(new HostTensor("int64", [], BigInt64Array.of(BigInt(value))));

/** The mean over all elements. */
export function mean(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  // The count is computed as a sum of ones so that it follows dimensions which are known only when the graph runs.
  return div(sum(x, { axes }), sum(expand(scalar(1), x.shape), { axes }));
}

export interface CrossEntropyOptions {
  /** Default `ignoredLabel`, −100. */
  readonly ignoreIndex?: number | undefined;
  /** A scalar to divide by in place of the number of labels that count. */
  readonly count?: Tensor | undefined;
}

/**
 * Mean of −log softmax(logits)[label] over the labels that are not `ignoreIndex`; NaN if all are ignored, as in PyTorch.
 * @param logits [..., classes]
 * @param labels int64 [...], each in 0..classes − 1 or `ignoreIndex`
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor,
  { ignoreIndex = ignoredLabel, count }: CrossEntropyOptions = {},
): Tensor {
  const ignored = equal(labels, int64(ignoreIndex));
  const safe = where(ignored, int64(0), labels);
  const losses = sub(logSumExp(logits, { axes: [-1] }), gatherElements(logits, safe));
  const counted = sub(1, cast(ignored, "float32"));
  const axes = labels.shape.map((_, axis) => axis);
  return div(sum(mul(losses, counted), { axes }), count ?? sum(counted, { axes }));
}

/**
 * Mean over all entries of −(t log σ(x) + (1 − t) log(1 − σ(x))), written so that no logit overflows.
 * @param logits x, any shape @param targets t in 0..1, the same shape
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const magnitude = maximum(mul(logits, -1), logits);
  return mean(add(sub(relu(logits), mul(logits, targets)), log(add(exp(mul(magnitude, -1)), 1))));
}

/**
 * Mean over rows of −Σ target · log softmax(logits).
 * @param logits [rows, classes] @param targets [rows, classes], each row sums to 1
 */
export function softCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return mean(sub(logSumExp(logits, { axes: [-1] }), sum(mul(targets, logits), { axes: [-1] })));
}

/** Share of right arg-maxes among the labels that are not `ignoreIndex`; 0 if there are none. [..., classes], int64 [...] -> [] */
export function accuracy(logits: Tensor, labels: Tensor, ignoreIndex = ignoredLabel): Tensor {
  const axes = labels.shape.map((_, axis) => axis);
  const counted = sub(1, cast(equal(labels, int64(ignoreIndex)), "float32"));
  const hits = mul(counted, cast(equal(argMax(logits, -1), labels), "float32"));
  return div(sum(hits, { axes }), maximum(sum(counted, { axes }), 1));
}

/** u / max(‖u‖₂, 10⁻¹²) over the last axis, as PyTorch's `normalize`. */
export function normalize(u: Tensor): Tensor {
  const squares = sum(mul(u, u), { axes: [-1], keepDims: true });
  // The limit is put under the root: its gradient at zero is then finite.
  return div(u, sqrt(maximum(squares, 1e-24)));
}
