/** Scaled dot-product attention over heads, in two halves so that keys and values can be kept and used again. */
import { add, matmul, mul, reshape, softmax, transpose, type Tensor } from "../graph/index.js";
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
  const scale = 1 / Math.sqrt(widthOf(query) / headCount);
  const scores = mul(matmul(transpose(heads(query, headCount), [0, 2, 1, 3]), key), scale);
  const probabilities = softmax(mask === undefined ? scores : add(scores, mask), -1);
  const perHead = transpose(matmul(drop(probabilities), value), [0, 2, 1, 3]);
  const [batch, queries] = perHead.shape;
  return { output: reshape(perHead, [batch!, queries!, widthOf(query)]), probabilities };
}
