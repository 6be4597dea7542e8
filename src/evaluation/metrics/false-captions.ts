/** Captions that do not belong to an image, sampled from the other rows of its data set. */
import type { Dataset } from "../../data/index.js";
import type { Random } from "../../random/index.js";

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
