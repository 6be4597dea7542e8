/** MLM logits to words. */
import type { HostTensor } from "../graph/index.js";
import type { Tokenizer } from "../processing/index.js";
import { softmax, topIndices } from "./logits.js";

export interface MaskPrediction {
  /** The token as text, with its leading space if it has one. */
  readonly token: string;
  readonly id: number;
  /** Softmax over the vocabulary, 0..1. */
  readonly probability: number;
}

export interface FilledMask {
  /** The most probable token at every position, decoded without special tokens. */
  readonly sentence: string;
  readonly masks: readonly {
    /** Position of the mask among the tokens, `<s>` being 0. */
    readonly index: number;
    readonly predictions: readonly MaskPrediction[];
  }[];
}

/** @param logits float32 [text, vocabulary] */
export function filledMask(logits: HostTensor, ids: readonly number[], tokenizer: Tokenizer, topK: number): FilledMask {
  const sentence = tokenizer.decode(logits.argmax().data, { skipSpecialTokens: true });
  const masks = ids.flatMap((id, index) =>
    id === tokenizer.maskTokenId
      ? [{ index, predictions: predictionsFor(logits.row(index).toArray(), tokenizer, topK) }]
      : [],
  );
  return { sentence, masks };
}

function predictionsFor(logits: readonly number[], tokenizer: Tokenizer, topK: number): MaskPrediction[] {
  const probabilities = softmax(logits);
  return topIndices(logits, topK).map((id) => ({ token: tokenizer.decode([id]), id, probability: probabilities[id]! }));
}
