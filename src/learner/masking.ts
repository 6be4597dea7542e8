/** Hides tokens for masked language modelling, as the authors do: the collator of transformers 4.17. */
import { InputError } from "../errors.js";
import type { Random } from "../random/index.js";

export interface Masking {
  /** Chance of a token, or of a word, to be chosen; 0.15 in the paper. */
  readonly mlm_prob: number;
  /** Rows of the word embeddings: replacements are drawn from all of them. */
  readonly vocab_size: number;
  readonly mask_token_id: number;
  /** Never chosen: padding, start, end and whatever else is no text. */
  readonly specialIds: ReadonlySet<number>;
  /**
   * Given where whole words are chosen: whether a token begins one, for byte-level BPE whether it is written with "Ġ". The first token
   * after a special one always does.
   */
  readonly startsWord?: (id: number) => boolean;
}

export interface MaskedRow {
  readonly input_ids: BigInt64Array<ArrayBuffer>;
  /** The original id where one was chosen, -100 elsewhere. */
  readonly labels: BigInt64Array<ArrayBuffer>;
}

/**
 * Chooses tokens that are not special with chance `mlm_prob` each; of the chosen, 80 % become the mask token, 10 % a random id, all ids equally
 * likely, and 10 % stay. transformers 4.17 `DataCollatorForLanguageModeling`.
 *
 * With whole words, a word is chosen with that chance and all its tokens with it; what becomes of each token is drawn for each alone.
 * transformers 5.23 `DataCollatorForLanguageModeling(whole_word_mask=True)`; the 4.17 collator for BERT took shuffled
 * words up to round(p · tokens) in place of drawing for each.
 * @param ids    one text, with special tokens and padding  [tokens]
 * @param random the stream of this text in this epoch
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
  const labels = new BigInt64Array(input_ids.length).fill(-100n);
  for (const word of words(input_ids, masking)) {
    if (random.uniform() >= mlm_prob) continue;
    for (const position of word) {
      labels[position] = input_ids[position]!;
      const fate = random.uniform();
      if (fate < 0.8) input_ids[position] = BigInt(mask_token_id);
      else if (fate < 0.9) input_ids[position] = BigInt(random.below(vocab_size));
    }
  }
  return { input_ids, labels };
}

/** Positions that are chosen together: of single tokens, or of whole words. */
function words(ids: BigInt64Array, { specialIds, startsWord = () => true }: Masking): number[][] {
  const words: number[][] = [];
  let open: number[] | undefined;
  ids.forEach((id, position) => {
    if (specialIds.has(Number(id))) {
      open = undefined;
      return;
    }
    if (open === undefined || startsWord(Number(id))) words.push((open = []));
    open.push(position);
  });
  return words;
}
