/** Judges masked language modelling: the hidden tokens of captions. */
import type { Random } from "../../random/index.js";
import { maskTokens, tokenizerMasking, type Masking } from "../../learner/index.js";
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { SeenRow } from "../encoded-row.js";
import { guessHidden, type HiddenTokens } from "./masked-tokens.js";
import type { Judge, Judging, Results } from "./metric.js";

/** Each caption with tokens hidden as in training, always the same ones for a seed; all hidden tokens weigh the same. */
export class MaskedWords implements Judge {
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();
  private readonly masking: Masking;

  constructor(private readonly judging: Judging) {
    this.masking = tokenizerMasking(judging.model.tokenizer);
  }

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { random, tokenize } = this.judging;
    const texts = tokenize(row.texts.captions)
      .map((ids, i) => this.masked(ids, random.at("mlm", row.index, i)))
      .filter(({ hidden }) => hidden.length > 0);
    await guessHidden(this.judging, row.image, texts, (id, logits) => {
      this.accuracy.add(argMax(logits) === id ? 1 : 0);
      this.loss.add(crossEntropy(logits, id));
    });
  }

  results(): Results {
    return { ...this.accuracy.as("mlm_accuracy"), ...this.loss.as("mlm_loss"), mlm_tokens: this.accuracy.count };
  }

  private masked(ids: readonly number[], random: Random): HiddenTokens {
    const { input_ids, labels } = maskTokens(ids, this.masking, random);
    const hidden = Array.from(labels, (label, place) => ({ place, id: Number(label) })).filter(({ id }) => id >= 0);
    return { ids: Array.from(input_ids, Number), hidden };
  }
}
