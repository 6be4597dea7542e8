/** Classification of texts: hypotheses about an image, statements about two images. */
import { HostTensor } from "../../graph/index.js";
import type { States } from "../../inference/index.js";
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { fuse, fusedRows, type RowMetric, type EvalContext, type Results } from "./metric.js";

interface Labelled {
  readonly text: string;
  readonly label?: number;
}

/** The labels of SNLI-VE but neutral. */
const [contradiction, entailment] = [0, 2];

/**
 * SNLI-VE or NLVR2. Texts without a label are only counted. Hypotheses that are not neutral are also evaluated without the neutral class:
 * by the larger of the other two logits.
 */
export class Classes implements RowMetric {
  private readonly accuracy = new Mean();
  private readonly accuracyWithoutNeutral = new Mean();
  private readonly loss = new Mean();
  private readonly unlabelled = new Mean();

  constructor(
    private readonly context: EvalContext,
    private readonly name: "snli" | "nlvr2",
  ) {}

  get lists() {
    return [this.accuracy, this.accuracyWithoutNeutral, this.loss, this.unlabelled].map(({ entries }) => entries);
  }

  accepts({ texts }: EncodedRow): boolean {
    return this.texts(texts).length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const all = this.texts(row.texts);
    const labelled = all.flatMap(({ text, label }) => (label === undefined ? [] : [{ text, label }]));
    this.unlabelled.add(1, all.length - labelled.length);
    const logits = await this.logits(
      row,
      labelled.map(({ text }) => text),
    );
    labelled.forEach(({ label }, i) => {
      this.accuracy.add(argMax(logits[i]!) === label ? 1 : 0);
      this.loss.add(crossEntropy(logits[i]!, label));
      if (this.name === "snli") this.addWithoutNeutral(logits[i]!, label);
    });
  }

  compute(): Results {
    const { name } = this;
    return {
      ...this.accuracy.as(`${name}_accuracy`),
      ...this.accuracyWithoutNeutral.as(`${name}_accuracy_without_neutral`),
      ...this.loss.as(`${name}_loss`),
      [`${name}_samples`]: this.accuracy.count,
      [`${name}_unlabelled`]: this.unlabelled.count,
    };
  }

  private addWithoutNeutral(logits: readonly number[], label: number): void {
    if (label !== contradiction && label !== entailment) return;
    const larger = logits[entailment]! > logits[contradiction]! ? entailment : contradiction;
    this.accuracyWithoutNeutral.add(larger === label ? 1 : 0);
  }

  private texts({ hypotheses, statements }: EncodedRow["texts"]): readonly Labelled[] {
    return this.name === "snli" ? hypotheses : statements;
  }

  private async logits(row: EncodedRow, texts: readonly string[]): Promise<number[][]> {
    if (this.name === "snli") return fusedRows(this.context, "snli", row.image, texts);
    const rows = new Array<number[]>(texts.length);
    const ids = this.context.tokenize(texts);
    const first = await this.pooled(row.image, ids);
    const second = await this.pooled(row.second!, ids);
    for (const [i, first_pooler_output] of first.entries()) {
      const poolers = { first_pooler_output, second_pooler_output: second[i]! };
      rows[i] = (await this.context.model.run("comparison nlvr2", poolers)).nlvr2_logits!.toArray();
    }
    return rows;
  }

  /** The pooled vector of each text with an image, as batches of one. */
  private async pooled(image: States, ids: readonly (readonly number[])[]): Promise<HostTensor[]> {
    const poolers = new Array<HostTensor>(ids.length);
    await fuse(this.context, "fusion pooled", image, ids, (index, { dtype, shape, data }) => {
      poolers[index] = new HostTensor(dtype, [1, ...shape], data);
    });
    return poolers;
  }
}
