/** Scaled dot-product attention over heads, in two halves so that keys and values can be kept and used again. */
import { add, matmul, mul, reshape, softmax, sub, sum, transpose, withGradient, type Tensor } from "../graph/index.js";
import { widthOf } from "./layers.js";

/** What is attended to, split into heads. */
export interface Context {
  /** Keys, already transposed: [batch, heads, headSize, tokens] */
  readonly key: Tensor;
  /** [batch, heads, tokens, headSize] */
  readonly value: Tensor;
}

/** [batch, tokens, hidden] -> [batch, tokens, heads, headSize]; head h owns the columns h·headSize … (h + 1)·headSize. */
function heads(x: Tensor, count: number): Tensor {
  const [batch, tokens] = x.shape;
  return reshape(x, [batch!, tokens!, count, widthOf(x) / count]);
}

/** Projected keys and values, [batch, tokens, hidden] each, as a context of `headCount` heads. */
export function splitContext(key: Tensor, value: Tensor, headCount: number): Context {
  return {
    key: transpose(heads(key, headCount), [0, 2, 3, 1]),
    value: transpose(heads(value, headCount), [0, 2, 1, 3]),
  };
}

export interface Attended {
  /** [batch, queries, hidden] */
  readonly output: Tensor;
  /** [batch, heads, queries, tokens], rows sum to 1 */
  readonly probabilities: Tensor;
}

export interface AttentionOptions {
  /** Added to the scores, broadcast from [batch, 1, 1, tokens]; none where every token is seen. */
  readonly mask?: Tensor | undefined;
  /** What the values are weighted with, made from the probabilities: dropout where there is any. */
  readonly drop?: (probabilities: Tensor) => Tensor;
}

/**
 * softmax(q kᵀ / √headSize + mask) v for each head, heads side by side in the output.
 * @param query projected queries [batch, queries, hidden]
 */
export function attend(
  query: Tensor,
  { key, value }: Context,
  headCount: number,
  { mask, drop = (probabilities) => probabilities }: AttentionOptions = {},
): Attended {
  // Scaled before the product: the query is smaller than the scores.
  const scaled = mul(query, 1 / Math.sqrt(widthOf(query) / headCount));
  const product = matmul(transpose(heads(scaled, headCount), [0, 2, 1, 3]), key);
  const scores = mask === undefined ? product : add(product, mask);
  const probabilities = softmax(scores, -1);
  const perHead = weightedSum(scores, probabilities, drop(probabilities), value);
  const [batch, , queries] = perHead.shape;
  const output = reshape(transpose(perHead, [0, 2, 1, 3]), [batch!, queries!, widthOf(query)]);
  return { output, probabilities };
}

/**
 * weights value, with its gradient taken through softmax in one: as Σ p ⊙ dp = Σ dy ⊙ y for each query, the softmax's own sum
 * runs over the head and not over all tokens (Dao et al., FlashAttention, 2022, B.2).
 */
function weightedSum(scores: Tensor, probabilities: Tensor, weights: Tensor, value: Tensor): Tensor {
  const y: Tensor = matmul(weights, value);
  return withGradient("attention", y, [scores, value], (dy) => {
    const dWeights = matmul(dy, value, { transposeB: true });
    const dropped = weights !== probabilities && weights.kind === "operation";
    const dProbabilities = dropped ? weights.pullback!(dWeights)[0]! : dWeights;
    const dScores = mul(probabilities, sub(dProbabilities, sum(mul(dy, y), { axes: [-1], keepDims: true })));
    return [dScores, matmul(weights, dy, { transposeA: true })];
  });
}
