/** Losses and the normalisation that contrastive ones need. */
import {
  cast,
  div,
  equal,
  expand,
  logSumExp,
  maximum,
  mul,
  pick,
  scalar,
  sqrt,
  sub,
  sum,
  where,
  constant,
  HostTensor,
  type Tensor,
} from "../graph/index.js";

const int64 = (value: number): Tensor => constant(new HostTensor("int64", [], BigInt64Array.of(BigInt(value))));

/** The mean over all elements, whatever the shape. */
export function mean(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  // The count is computed as a sum of ones so that it follows dimensions which are known only when the graph runs.
  return div(sum(x, { axes }), sum(expand(scalar(1), x.shape), { axes }));
}

/**
 * Mean of −log softmax(logits)[label] over the labels that are not `ignoreIndex`; NaN where all are ignored, as in PyTorch.
 * @param logits [..., classes]
 * @param labels int64 [...], each in 0..classes − 1 or `ignoreIndex`
 */
export function crossEntropy(logits: Tensor, labels: Tensor, ignoreIndex = -100): Tensor {
  const ignored = equal(labels, int64(ignoreIndex));
  const safe = where(ignored, int64(0), labels);
  const losses = sub(logSumExp(logits, { axes: [-1] }), pick(logits, safe));
  const counted = sub(1, cast(ignored, "float32"));
  const axes = labels.shape.map((_, axis) => axis);
  return div(sum(mul(losses, counted), { axes }), sum(counted, { axes }));
}

/** u / max(‖u‖₂, 10⁻¹²) over the last axis, as PyTorch's `normalize`. */
export function normalize(u: Tensor): Tensor {
  const squares = sum(mul(u, u), { axes: [-1], keepDims: true });
  // The limit is put under the root: its gradient at zero is then finite.
  return div(u, sqrt(maximum(squares, 1e-24)));
}
