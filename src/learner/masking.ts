/** Masks tokens for masked language modelling, as the authors do: the collator of transformers 4.17. */
import { InputError } from "../errors.js";
import { ignoredLabel } from "../nn/index.js";
import type { Tokenizer } from "../processing/index.js";
import type { Random } from "../random/index.js";

export interface Masking {
  /** Probability that a token, or a word, is chosen; 0.15 in the paper. */
  readonly mlm_prob: number;
  /** Rows of the word embeddings: replacements are sampled from all of them. */
  readonly vocab_size: number;
  readonly mask_token_id: number;
  /** Never chosen: padding, start, end and other tokens that are not text. */
  readonly specialIds: ReadonlySet<number>;
  /**
   * To mask whole words: whether a token starts a word, in byte-level BPE whether it starts with "Ġ". The first token after a special one
   * always does.
   */
  readonly startsWord?: ((id: number) => boolean) | undefined;
}

export interface MaskedRow {
  readonly input_ids: BigInt64Array<ArrayBuffer>;
  /** The original id of each chosen token, -100 for the others. */
  readonly labels: BigInt64Array<ArrayBuffer>;
}

/**
 * Chooses each token that is not special with probability `mlm_prob`. Of the chosen, 80 % become the mask token, 10 % a random id, all ids
 * equally likely, and 10 % stay. transformers 4.17 `DataCollatorForLanguageModeling`.
 *
 * With whole words, a word is chosen with that probability, with all its tokens; the replacement of each token is sampled separately.
 * transformers 5.23 `DataCollatorForLanguageModeling(whole_word_mask=True)`; the 4.17 collator for BERT took shuffled
 * words up to round(p · tokens) instead.
 * @param ids    one text, with special tokens and padding  [tokens]
 * @param random the stream of this text in this epoch
 * @example
 * const masking = { mlm_prob: 1, vocab_size: 100, mask_token_id: 4, specialIds: new Set([0, 2]) };
 * const { labels } = maskTokens([0, 31, 32, 2], masking, new Random(0));
 * console.log([...labels]); // [ -100n, 31n, 32n, -100n ]
 */
export function maskTokens(ids: ArrayLike<number | bigint>, masking: Masking, random: Random): MaskedRow {
  const { mlm_prob, vocab_size, mask_token_id } = masking;
  if (!(mlm_prob >= 0 && mlm_prob <= 1)) {
    throw new InputError({
      code: "invalid-setting",
      where: "mlm_prob",
      expected: "a probability, 0 to 1",
      found: String(mlm_prob),
    });
  }
  const input_ids = BigInt64Array.from(Array.from(ids, BigInt));
  const labels = new BigInt64Array(input_ids.length).fill(BigInt(ignoredLabel));
  for (const word of words(input_ids, masking)) {
    if (random.uniform() >= mlm_prob) continue;
    for (const position of word) {
      labels[position] = input_ids[position]!;
      const u = random.uniform();
      if (u < 0.8) input_ids[position] = BigInt(mask_token_id);
      else if (u < 0.9) input_ids[position] = BigInt(random.below(vocab_size));
    }
  }
  return { input_ids, labels };
}

/** Positions that are chosen together: of single tokens, or of whole words. */
function words(ids: BigInt64Array, { specialIds, startsWord = () => true }: Masking): number[][] {
  const words: number[][] = [];
  let current: number[] | undefined;
  ids.forEach((id, position) => {
    if (specialIds.has(Number(id))) {
      current = undefined;
      return;
    }
    if (current === undefined || startsWord(Number(id))) words.push((current = []));
    current.push(position);
  });
  return words;
}

/**
 * Masking for texts of this tokenizer: its special tokens are never masked, and any of its tokens may replace another.
 * @param options.wholeWords mask whole words instead of tokens; default false, as in the paper
 * @example
 * const { tokenizer } = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const masking = tokenizerMasking(tokenizer, { wholeWords: true });
 * console.log(masking.mlm_prob, masking.vocab_size); // 0.15 3000
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
    startsWord: wholeWords ? (id) => tokenizer.idToToken(id)?.startsWith("Ġ") ?? true : undefined,
  };
}
