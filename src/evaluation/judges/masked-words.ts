/** Judges masked language modelling: the hidden tokens of captions. */
import { maskTokens, tokenizerMasking, type Masking } from "../../training/index.js";
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { SeenRow } from "../seen-row.js";
import { fuse, type Judge, type Judging, type Results } from "./judge.js";

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
    const masked = tokenize(row.texts.captions)
      .map((ids, i) => maskTokens(ids, this.masking, random.at("mlm", row.index, i)))
      .filter(({ labels }) => labels.some((label) => label >= 0n));
    const texts = masked.map(({ input_ids }) => Array.from(input_ids, Number));
    await fuse(this.judging, "fusion mlm", row.picture, texts, (index, logits) => {
      masked[index]!.labels.forEach((label, token) => {
        if (label < 0n) return;
        const { data } = logits.row(token);
        this.accuracy.add(argMax(data as Float32Array) === Number(label) ? 1 : 0);
        this.loss.add(crossEntropy(data as Float32Array, Number(label)));
      });
    });
  }

  results(): Results {
    return { ...this.accuracy.as("mlm_accuracy"), ...this.loss.as("mlm_loss"), mlm_tokens: this.accuracy.count };
  }
}
