/** Predictions of the nouns of captions, masked one at a time. */
import { argMax, Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { predictMasked } from "./masked-tokens.js";
import type { RowMetric, EvalContext, Results } from "./metric.js";
import { NounFinder } from "./noun-finder.js";

/** Each noun that is one token of its caption is masked alone, and predicted by the arg-max over the vocabulary. */
export class Nouns implements RowMetric {
  private readonly accuracy = new Mean();
  private readonly finder: NounFinder;

  /** @param nouns words for things, as they stand in captions */
  constructor(
    private readonly context: EvalContext,
    nouns: readonly string[],
  ) {
    this.finder = new NounFinder(nouns, context.model.tokenizer);
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { maskTokenId } = this.context.model.tokenizer;
    const texts = this.context.tokenize(row.texts.captions).flatMap((ids) =>
      this.finder.singleTokens(ids).map((place) => ({
        ids: ids.with(place, maskTokenId),
        masked: [{ position: place, id: ids[place]! }],
      })),
    );
    await predictMasked(this.context, row.image, texts, (id, logits) => {
      this.accuracy.add(argMax(logits) === id ? 1 : 0);
    });
  }

  compute(): Results {
    return { ...this.accuracy.as("nouns_accuracy"), nouns_tokens: this.accuracy.count };
  }
}
