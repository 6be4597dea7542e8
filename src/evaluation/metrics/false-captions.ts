/** Captions that do not belong to an image, drawn from the other rows of its data set. */
import type { Dataset } from "../../data/index.js";
import type { Random } from "../../random/index.js";

/** Draws after which the other rows are taken to hold nothing but this row's own captions. */
const maxDraws = 32;

export class FalseCaptions {
  /** Captions before each row, and of all rows. [rows + 1] */
  private readonly before: Float64Array;

  constructor(private readonly data: Dataset) {
    this.before = new Float64Array(data.rows + 1);
    data.counts.captions.forEach((count, row) => (this.before[row + 1] = this.before[row]! + count));
  }

  /**
   * A caption of another row, all equally likely; one that the row itself has too is drawn again.
   * @returns nothing where no other row has another caption
   */
  draw(row: number, own: readonly string[], random: Random): string | undefined {
    const [first, next, total] = [this.before[row]!, this.before[row + 1]!, this.before.at(-1)!];
    const others = total - (next - first);
    for (let draws = 0; others > 0 && draws < maxDraws; draws++) {
      const drawn = random.below(others);
      const caption = this.caption(drawn < first ? drawn : drawn + next - first);
      if (!own.includes(caption)) return caption;
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
