/** Rows of token ids as tensors of few widths, and what masking needs to know of a tokenizer. */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import type { Tokenizer } from "../processing/index.js";
import type { Masking } from "./masking.js";

/** Multiples of `multiple` below `longest`, and `longest` itself: widths for texts of up to `longest` tokens. */
export function textBuckets(longest: number, multiple = 8): number[] {
  const below = Math.ceil(longest / multiple) - 1;
  return [...Array.from({ length: below }, (_, i) => (i + 1) * multiple), longest];
}

/** @throws InputError unless widths ascend and none exceeds `longest`, the model's position table */
export function checkBuckets(buckets: readonly number[], longest: number): void {
  const ascending = buckets.every(
    (width, i) => Number.isInteger(width) && width > (buckets[i - 1] ?? 0) && width <= longest,
  );
  if (ascending && buckets.length > 0) return;
  throw new InputError({
    code: "invalid-argument",
    where: "textBuckets",
    expected: `ascending numbers of tokens from 1 to ${longest}, the longest text of the model`,
    found: buckets.length === 0 ? "none" : buckets.slice(0, 20).join(", "),
  });
}

/** Rows one below the other, filled up with `fill`: int64 [rows, width]. */
export function padded(rows: readonly ArrayLike<number | bigint>[], width: number, fill: number): HostTensor<"int64"> {
  const all = HostTensor.zeros("int64", [rows.length, width]);
  all.data.fill(BigInt(fill));
  rows.forEach((row, i) => all.data.set(Array.from(row, BigInt), i * width));
  return all;
}

/** Numbers as int64, of one axis unless `shape` says otherwise. */
export function int64(values: readonly number[], shape: readonly number[] = [values.length]): HostTensor<"int64"> {
  return new HostTensor("int64", shape, BigInt64Array.from(values, BigInt));
}

/**
 * Masking for texts of this tokenizer: its special tokens are never chosen, and all its tokens may replace another.
 * @param options.wholeWords choose words in place of tokens; default false, as for RoBERTa in the paper
 */
export function tokenizerMasking(
  tokenizer: Tokenizer,
  { mlm_prob = 0.15, wholeWords = false }: { readonly mlm_prob?: number; readonly wholeWords?: boolean } = {},
): Masking {
  const { bosTokenId, eosTokenId, padTokenId, maskTokenId } = tokenizer;
  const unknown = tokenizer.tokenToId("<unk>");
  const specialIds = new Set([bosTokenId, eosTokenId, padTokenId, maskTokenId]);
  if (unknown !== undefined) specialIds.add(unknown);
  return {
    mlm_prob,
    vocab_size: tokenizer.vocabSize,
    mask_token_id: maskTokenId,
    specialIds,
    ...(wholeWords ? { startsWord: (id) => tokenizer.idToToken(id)?.startsWith("Ġ") ?? true } : {}),
  };
}
