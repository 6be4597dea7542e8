/** `rank_output` as in training: each caption among false ones. */
import type { EncodedRow } from "../encoded-row.js";
import { CaptionDecisions } from "./false-captions.js";
import { fusedRows, type EvalContext } from "./metric.js";

/** Each caption against `falseTexts` captions of other rows. A caption for which they cannot be sampled is left out. */
export class Ranking extends CaptionDecisions {
  constructor(
    context: EvalContext,
    private readonly falseTexts: number,
  ) {
    super(context, "irtr");
  }

  async update(row: EncodedRow): Promise<void> {
    for (const [i, caption] of row.texts.captions.entries()) {
      const random = this.randomOf(row, i);
      const sampled = Array.from({ length: this.falseTexts }, () =>
        this.falseCaptions.sample(row.index, row.trueCaptions, random),
      ).filter((text) => text !== undefined);
      if (sampled.length < this.falseTexts) continue;
      const scores = await fusedRows(this.context, "rank", row.image, [caption, ...sampled]);
      this.add(
        scores.map(([score]) => score!),
        0,
      );
    }
  }
}
