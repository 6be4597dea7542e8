/** Masked language modelling: predictions of the masked tokens of captions. */
import type { States } from "../../inference/index.js";
import { maskTokens, tokenizerMasking, type Masking } from "../../learner/index.js";
import type { Random } from "../../random/index.js";
import type { EncodedRow } from "../encoded-row.js";
import { argMax, crossEntropy, Mean } from "../numbers.js";
import { fuse, type EvalContext, type Results, type RowMetric } from "./metric.js";

/** The input ids of a text, and the original ids of its masked tokens. */
export interface MaskedText {
  readonly ids: readonly number[];
  readonly masked: readonly { readonly position: number; readonly id: number }[];
}

/** Each caption with tokens masked as in training, always the same ones for a seed. All masked tokens have the same weight. */
export class MaskedTokens implements RowMetric {
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();
  private readonly masking: Masking;

  constructor(private readonly context: EvalContext) {
    this.masking = tokenizerMasking(context.model.tokenizer);
  }

  get lists() {
    return [this.accuracy.entries, this.loss.entries];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { random, tokenize } = this.context;
    const texts = tokenize(row.texts.captions)
      .map((ids, i) => this.mask(ids, random.at("mlm", row.index, i)))
      .filter(({ masked }) => masked.length > 0);
    await predictMasked(this.context, row.image, texts, (id, logits) => {
      this.accuracy.add(argMax(logits) === id ? 1 : 0);
      this.loss.add(crossEntropy(logits, id));
    });
  }

  compute(): Results {
    return { ...this.accuracy.as("mlm_accuracy"), ...this.loss.as("mlm_loss"), mlm_tokens: this.accuracy.count };
  }

  private mask(ids: readonly number[], random: Random): MaskedText {
    const { input_ids, labels } = maskTokens(ids, this.masking, random);
    const all = Array.from(labels, (label, position) => ({ position, id: Number(label) }));
    return { ids: Array.from(input_ids, Number), masked: all.filter(({ id }) => id >= 0) };
  }
}

/** @param use called with the id of each masked token and its logits [vocabulary], which it must not keep */
async function predictMasked(
  context: EvalContext,
  image: States,
  texts: readonly MaskedText[],
  use: (id: number, logits: Float32Array) => void,
): Promise<void> {
  const ids = texts.map((text) => text.ids);
  await fuse(context, "fusion mlm", image, ids, (index, logits) => {
    for (const { position, id } of texts[index]!.masked) use(id, logits.row(position).data as Float32Array);
  });
}
