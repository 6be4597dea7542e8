/** `rank_output` as in training: each caption among false ones. */
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { FalseCaptions } from "./false-captions.js";
import { fusedRows, type RowMetric, type EvalContext, type Results } from "./metric.js";

/** Each caption against `falseTexts` captions of other rows. A caption for which they cannot be sampled is left out. */
export class Ranking implements RowMetric {
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();
  private readonly falseCaptions: FalseCaptions;

  constructor(
    private readonly context: EvalContext,
    private readonly falseTexts: number,
  ) {
    this.falseCaptions = new FalseCaptions(context.data);
  }

  get lists() {
    return [this.accuracy.entries, this.loss.entries];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { captions } = row.texts;
    for (const [i, caption] of captions.entries()) {
      const random = this.context.random.at("irtr", row.index, i);
      const sampled = Array.from({ length: this.falseTexts }, () =>
        this.falseCaptions.sample(row.index, row.trueCaptions, random),
      ).filter((text) => text !== undefined);
      if (sampled.length < this.falseTexts) continue;
      const scores = await fusedRows(this.context, "rank", row.image, [caption, ...sampled]);
      const logits = scores.map(([score]) => score!);
      this.accuracy.add(argMax(logits) === 0 ? 1 : 0);
      this.loss.add(crossEntropy(logits, 0));
    }
  }

  compute(): Results {
    return { ...this.accuracy.as("irtr_accuracy"), ...this.loss.as("irtr_loss"), irtr_samples: this.accuracy.count };
  }
}
