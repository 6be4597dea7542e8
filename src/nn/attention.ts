/** Scaled dot-product attention over heads, in two halves so that keys and values can be reused. */
import {
  add,
  matmul,
  mul,
  reshape,
  softmax,
  sub,
  sum,
  transpose,
  withGradient,
  type Dim,
  type Tensor,
} from "../graph/index.js";
import type { DropoutMask } from "./dropout.js";
import { widthOf } from "./layers.js";

/** Keys and values, split into heads. */
export interface Context {
  /** Keys, already transposed: [batch, heads, headSize, tokens] */
  readonly key: Tensor;
  /** [batch, heads, tokens, headSize] */
  readonly value: Tensor;
}

/** [batch, tokens, hidden] -> [batch, tokens, heads, headSize]; head h has the columns h·headSize … (h + 1)·headSize. */
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
  /** Added to the scores, broadcast from [batch, 1, 1, tokens]; by default no token is masked. */
  readonly bias?: Tensor | undefined;
  /** Samples the dropout mask of the probabilities, which have this shape. */
  readonly dropout?: (shape: readonly Dim[]) => DropoutMask | undefined;
}

/**
 * dropout(softmax(q kᵀ / √headSize + bias)) v for each head, heads side by side in the output.
 * @param query projected queries [batch, queries, hidden]
 */
export function attend(
  query: Tensor,
  { key, value }: Context,
  headCount: number,
  { bias, dropout }: AttentionOptions = {},
): Attended {
  // Scaled before the product: the query is smaller than the scores.
  const scaled = mul(query, 1 / Math.sqrt(widthOf(query) / headCount));
  const product = matmul(transpose(heads(scaled, headCount), [0, 2, 1, 3]), key);
  const scores = bias === undefined ? product : add(product, bias);
  const probabilities = softmax(scores, -1);
  const perHead = weightedSum(scores, probabilities, value, dropout?.(probabilities.shape));
  const [batch, , queries] = perHead.shape;
  const output = reshape(transpose(perHead, [0, 2, 1, 3]), [batch!, queries!, widthOf(query)]);
  return { output, probabilities };
}

/**
 * y = w v with the weights w = mask ⊙ p, and its gradient through softmax in one: as Σ p ⊙ dp = Σ dy ⊙ y for each query, the
 * softmax's own sum runs over the head and not over all tokens (Dao et al., FlashAttention, 2022, B.2).
 */
function weightedSum(scores: Tensor, probabilities: Tensor, value: Tensor, mask: DropoutMask = (x) => x): Tensor {
  const weights = mask(probabilities);
  return withGradient("attention", {
    output: matmul(weights, value),
    inputs: [scores, value, probabilities, weights],
    isExpensive: true,
    gradient: ({ inputs: [, v, p, w], output: y, dOutput: dy }) => {
      // The mask multiplies each element, so it carries its own gradient back.
      const dp = mask(matmul(dy, v!, { transposeB: true }));
      const dScores = mul(p!, sub(dp, sum(mul(dy, y), { axes: [-1], keepDims: true })));
      return [dScores, matmul(w!, dy, { transposeA: true })];
    },
  });
}
