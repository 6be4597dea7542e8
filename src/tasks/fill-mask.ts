/** MLM logits as words. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import type { Tokenizer } from "../processing/index.js";

export interface MaskPrediction {
  /** The token as text, with its leading space where it has one. */
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
export function decoded(logits: HostTensor, ids: readonly number[], tokenizer: Tokenizer, topK: number): FilledMask {
  if (!Number.isInteger(topK) || topK < 1) {
    throw new InputError({ where: "topK", expected: "a whole number, 1 or more", found: String(topK) });
  }
  const sentence = tokenizer.decode(logits.argmax().data, { skipSpecialTokens: true });
  const masks = ids.flatMap((id, index) =>
    id === tokenizer.maskTokenId ? [{ index, predictions: best(logits.row(index), tokenizer, topK) }] : [],
  );
  return { sentence, masks };
}

function best(logits: HostTensor, tokenizer: Tokenizer, topK: number): MaskPrediction[] {
  const values = logits.toArray();
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return values
    .map((value, id) => ({ id, value }))
    .sort((a, b) => b.value - a.value || a.id - b.id)
    .slice(0, topK)
    .map(({ id, value }) => ({ token: tokenizer.decode([id]), id, probability: Math.exp(value - largest) / total }));
}
