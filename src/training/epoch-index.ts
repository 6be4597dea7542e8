/** The samples of an epoch, each one text of one row, in an order that depends on seed and epoch. */
import { InputError } from "../errors.js";
import type { Dataset, TextKind } from "../data/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Random } from "../random/index.js";
import type { AnswerTable } from "./answer-labels.js";
import { objectiveData } from "./objective-data.js";

export interface SampleRef {
  readonly dataset: Dataset;
  readonly row: number;
  /** Number of the row over all data sets. */
  readonly globalRow: number;
  /** Which text of the row, of its kind. */
  readonly text: number;
}

/** Kinds of texts that the objectives read. Each text of the first kind is a sample. */
export function kindsOf(objectives: readonly ObjectiveName[]): TextKind[] {
  const kinds = new Set(objectives.map((name) => objectiveData[name].texts));
  return (["captions", "questions", "hypotheses", "statements"] as const).filter((kind) => kinds.has(kind));
}

/** Number of blocks that are shuffled together, if a data set is read by blocks. */
const shuffledBlocks = 8;

export class EpochIndex {
  private constructor(
    readonly kinds: readonly TextKind[],
    private readonly datasets: readonly Dataset[],
    /** First sample and first global row of each data set, and the ends. */
    private readonly starts: readonly number[],
    private readonly rowStarts: readonly number[],
    private readonly rows: Uint32Array,
    private readonly texts: Uint32Array,
    /** Number of rows that lack a text of some kind. */
    readonly skippedRows: number,
  ) {}

  /**
   * One sample for each caption, or for each question, hypothesis or statement if no objective reads captions. Rows that lack
   * texts that an objective reads are left out.
   * @throws InputError if no sample is left, or a statement is about one image only
   */
  static of(datasets: readonly Dataset[], objectives: readonly ObjectiveName[], answers?: AnswerTable): EpochIndex {
    const kinds = kindsOf(objectives);
    const most = datasets.reduce((sum, { counts }) => sum + counts[kinds[0]!].reduce((total, n) => total + n, 0), 0);
    const [rows, texts] = [new Uint32Array(most), new Uint32Array(most)];
    const [starts, rowStarts] = [[0], [0]];
    let length = 0;
    let skippedRows = 0;
    for (const dataset of datasets) {
      for (let row = 0; row < dataset.rows; row++) {
        const usable = kinds.map((kind) => usableTexts(dataset, row, kind, answers));
        if (usable.some((list) => list.length === 0)) {
          skippedRows++;
          continue;
        }
        if (kinds.includes("statements")) requireTwoImages(dataset, row);
        for (const text of usable[0]!) {
          rows[length] = row;
          texts[length++] = text;
        }
      }
      starts.push(length);
      rowStarts.push(rowStarts.at(-1)! + dataset.rows);
    }
    if (length === 0) {
      throw new InputError({
        code: "missing-data",
        where: datasets.map(({ name }) => name).join(", ") || "data",
        expected: `rows with ${kinds.join(" and ")}, which the objectives ${objectives.join(", ")} read`,
        found: `none in ${skippedRows} rows`,
        hint: "Leave objectives out, or name data with these texts",
      });
    }
    return new EpochIndex(
      kinds,
      datasets,
      starts,
      rowStarts,
      rows.slice(0, length),
      texts.slice(0, length),
      skippedRows,
    );
  }

  get length(): number {
    return this.rows.length;
  }

  at(index: number): SampleRef {
    const source = this.sourceOf(index);
    const row = this.rows[index]!;
    return {
      dataset: this.datasets[source]!,
      row,
      globalRow: this.rowStarts[source]! + row,
      text: this.texts[index]!,
    };
  }

  /** The samples of the same data set: from, to. */
  rangeOfDataset(index: number): readonly [number, number] {
    const source = this.sourceOf(index);
    return [this.starts[source]!, this.starts[source + 1]!];
  }

  /** @throws InputError if the samples of a data set are of one row, so that no other row can be sampled as a negative */
  requireOtherRows(): void {
    for (const [source, dataset] of this.datasets.entries()) {
      const rows = this.rows.subarray(this.starts[source], this.starts[source + 1]);
      if (rows.length === 0 || rows.some((row) => row !== rows[0])) continue;
      throw new InputError({
        code: "missing-data",
        where: dataset.name,
        expected: "at least two rows that can be used, because false images and texts are those of other rows",
        found: "1",
        hint: "Add rows, or leave the objectives itm and irtr out",
      });
    }
  }

  /**
   * The order of an epoch: every sample once. All orders are equally likely, except for data sets that are read by blocks: their blocks are
   * shuffled, and samples among the blocks that are read at about the same time.
   */
  order(epoch: number, random: Random): Uint32Array {
    const stream = random.at("order", epoch);
    if (this.datasets.every(({ blocks }) => blocks === undefined)) return stream.permutation(this.length);
    const blocks = this.blocks();
    const shuffled = Array.from(stream.permutation(blocks.length), (i) => blocks[i]!);
    const order = new Uint32Array(this.length);
    let done = 0;
    for (let first = 0; first < shuffled.length; first += shuffledBlocks) {
      const begun = done;
      for (const [from, to] of shuffled.slice(first, first + shuffledBlocks)) {
        for (let sample = from; sample < to; sample++) order[done++] = sample;
      }
      const together = order.slice(begun, done);
      stream.permutation(together.length).forEach((place, i) => (order[begun + i] = together[place]!));
    }
    return order;
  }

  /** EpochIndex [from, to) of each block; a data set without blocks is cut into parts as large. */
  private blocks(): (readonly [number, number])[] {
    return this.datasets.flatMap(({ blocks }, source) => {
      const [start, end] = [this.starts[source]!, this.starts[source + 1]!];
      const bounds: number[] = [start];
      if (blocks === undefined) {
        for (let at = start + samplesPerBlock; at < end; at += samplesPerBlock) bounds.push(at);
      } else {
        let next = 1;
        for (let sample = start; sample < end; sample++) {
          while (next < blocks.length && this.rows[sample]! >= blocks[next]!) {
            next++;
            if (bounds.at(-1) !== sample) bounds.push(sample);
          }
        }
      }
      return bounds.map((from, i) => [from, bounds[i + 1] ?? end] as const).filter(([from, to]) => from < to);
    });
  }

  private sourceOf(index: number): number {
    let source = 0;
    while (index >= this.starts[source + 1]!) source++;
    return source;
  }
}

const samplesPerBlock = 1_000;

function requireTwoImages(dataset: Dataset, row: number): void {
  const { length } = dataset.images(row);
  if (length >= 2) return;
  throw new InputError({
    code: "missing-data",
    where: `row ${row} of ${dataset.name}`,
    expected: "two images for a statement of NLVR2",
    found: String(length),
  });
}

/** Indices of the texts of a kind that can be learned: questions with a known answer, hypotheses and statements with a label. */
export function usableTexts(dataset: Dataset, row: number, kind: TextKind, answers?: AnswerTable): number[] {
  const count = dataset.counts[kind][row]!;
  const all = Array.from({ length: count }, (_, i) => i);
  if (count === 0 || dataset.labelled === true || kind === "captions" || kind === "negatives") return all;
  const texts = dataset.texts(row);
  if (kind === "questions") return all.filter((i) => (answers?.targets(texts.questions[i]!).size ?? 0) > 0);
  return all.filter((i) => texts[kind][i]!.label !== undefined);
}
