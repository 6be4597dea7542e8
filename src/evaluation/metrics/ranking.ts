/** Judges `rank_output` as it is trained: each caption among false ones. */
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { SeenRow } from "../encoded-row.js";
import { FalseCaptions } from "./false-captions.js";
import { fusedRows, type Judge, type Judging, type Results } from "./metric.js";

/** Each caption against `draw_false_text` captions of other rows; a caption for which they cannot be drawn is not judged. */
export class Ranking implements Judge {
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();
  private readonly falseCaptions: FalseCaptions;

  constructor(
    private readonly judging: Judging,
    private readonly draw_false_text: number,
  ) {
    this.falseCaptions = new FalseCaptions(judging.data);
  }

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { captions } = row.texts;
    for (const [i, caption] of captions.entries()) {
      const random = this.judging.random.at("irtr", row.index, i);
      const drawn = Array.from({ length: this.draw_false_text }, () =>
        this.falseCaptions.draw(row.index, row.ownCaptions, random),
      ).filter((text) => text !== undefined);
      if (drawn.length < this.draw_false_text) continue;
      const scores = await fusedRows(this.judging, "fusion rank", row.image, [caption, ...drawn]);
      const logits = scores.map(([score]) => score!);
      this.accuracy.add(argMax(logits) === 0 ? 1 : 0);
      this.loss.add(crossEntropy(logits, 0));
    }
  }

  results(): Results {
    return { ...this.accuracy.as("irtr_accuracy"), ...this.loss.as("irtr_loss"), irtr_samples: this.accuracy.count };
  }
}
