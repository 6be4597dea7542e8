/** Judges what the model takes the things in an image for: the nouns of captions, hidden one at a time. */
import { argMax, Mean } from "../numbers.js";
import type { SeenRow } from "../encoded-row.js";
import { guessHidden } from "./masked-tokens.js";
import type { Judge, Judging, Results } from "./metric.js";
import { NounFinder } from "./noun-finder.js";

/** Each noun that is one token of its caption is hidden alone, and named by the arg-max over the vocabulary. */
export class Nouns implements Judge {
  private readonly accuracy = new Mean();
  private readonly finder: NounFinder;

  /** @param nouns words for things, as they stand in captions */
  constructor(
    private readonly judging: Judging,
    nouns: readonly string[],
  ) {
    this.finder = new NounFinder(nouns, judging.model.tokenizer);
  }

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { maskTokenId } = this.judging.model.tokenizer;
    const texts = this.judging.tokenize(row.texts.captions).flatMap((ids) =>
      this.finder.singleTokens(ids).map((place) => ({
        ids: ids.with(place, maskTokenId),
        hidden: [{ place, id: ids[place]! }],
      })),
    );
    await guessHidden(this.judging, row.image, texts, (id, logits) => {
      this.accuracy.add(argMax(logits) === id ? 1 : 0);
    });
  }

  results(): Results {
    return { ...this.accuracy.as("nouns_accuracy"), nouns_tokens: this.accuracy.count };
  }
}
