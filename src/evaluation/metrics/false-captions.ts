/** Captions that do not belong to an image, sampled from the other rows of its data set, and the metrics that compare with them. */
import type { Dataset } from "../../data/index.js";
import type { Random } from "../../random/index.js";
import type { EncodedRow } from "../encoded-row.js";
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { EvalContext, Results, RowMetric } from "./metric.js";

/** Samples after which all other rows are assumed to have only captions of this row. */
const maxSamples = 32;

export class FalseCaptions {
  /** Captions before each row, and of all rows. [rows + 1] */
  private readonly before: Float64Array;

  constructor(private readonly data: Dataset) {
    this.before = new Float64Array(data.rows + 1);
    data.counts.captions.forEach((count, row) => (this.before[row + 1] = this.before[row]! + count));
  }

  /**
   * A caption of another row, all equally likely. A caption that the row itself has, too, is sampled again.
   * @returns undefined if no other row has another caption
   */
  sample(row: number, trueCaptions: readonly string[], random: Random): string | undefined {
    const [first, next, total] = [this.before[row]!, this.before[row + 1]!, this.before.at(-1)!];
    const others = total - (next - first);
    for (let samples = 0; others > 0 && samples < maxSamples; samples++) {
      const sampled = random.below(others);
      const caption = this.caption(sampled < first ? sampled : sampled + next - first);
      if (!trueCaptions.includes(caption)) return caption;
    }
    return undefined;
  }

  private caption(number: number): string {
    let [low, high] = [0, this.data.rows - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.before[middle]! <= number) low = middle;
      else high = middle - 1;
    }
    return this.data.texts(low).captions[number - this.before[low]!]!;
  }
}

/** Accuracy and loss of decisions about the captions of each row and false captions. */
export abstract class CaptionDecisions implements RowMetric {
  protected readonly falseCaptions: FalseCaptions;
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();

  /** @param name what the names of the results begin with, and the label of the random stream */
  constructor(
    protected readonly context: EvalContext,
    private readonly name: string,
  ) {
    this.falseCaptions = new FalseCaptions(context.data);
  }

  get lists() {
    return [this.accuracy.entries, this.loss.entries];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  abstract update(row: EncodedRow): Promise<void>;

  compute(): Results {
    const { name } = this;
    return {
      ...this.accuracy.as(`${name}_accuracy`),
      ...this.loss.as(`${name}_loss`),
      [`${name}_samples`]: this.accuracy.count,
    };
  }

  protected add(logits: readonly number[], label: number): void {
    this.accuracy.add(argMax(logits) === label ? 1 : 0);
    this.loss.add(crossEntropy(logits, label));
  }

  /** The random stream of a caption. */
  protected randomOf(row: EncodedRow, caption: number): Random {
    return this.context.random.at(this.name, row.index, caption);
  }
}
