/** What an epoch goes through: one text of one row each, in an order that follows from seed and epoch. */
import { InputError } from "../errors.js";
import type { Dataset, TextKind } from "../data/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Random } from "../random/index.js";
import type { AnswerTable } from "./answer-labels.js";

export interface Unit {
  readonly dataset: Dataset;
  readonly row: number;
  /** The number of the row over all data sets. */
  readonly globalRow: number;
  /** Which of the row's texts of the kind. */
  readonly text: number;
}

/** The texts that each objective reads. */
const kindOf: Readonly<Record<ObjectiveName, TextKind>> = {
  mlm: "captions",
  itm: "captions",
  itc: "captions",
  itm_itc: "captions",
  irtr: "captions",
  vqa: "questions",
  snli: "hypotheses",
  nlvr2: "statements",
};

/** Kinds of texts that the objectives read, the one that counts samples first. */
export function kindsOf(objectives: readonly ObjectiveName[]): TextKind[] {
  const kinds = new Set(objectives.map((name) => kindOf[name]));
  return (["captions", "questions", "hypotheses", "statements"] as const).filter((kind) => kinds.has(kind));
}

/** Blocks of rows that are shuffled together where a data set is read by blocks. */
const blocksTogether = 8;

export class Units {
  private constructor(
    readonly kinds: readonly TextKind[],
    private readonly datasets: readonly Dataset[],
    /** First unit and first global row of each data set, and the ends. */
    private readonly starts: readonly number[],
    private readonly rowStarts: readonly number[],
    private readonly rows: Uint32Array,
    private readonly texts: Uint32Array,
    /** Rows that lack a text of some kind. */
    readonly left: number,
  ) {}

  /**
   * One unit for each caption, or for each question, hypothesis or statement where no objective reads captions. Rows that lack
   * what some objective reads are left out. Of generated rows each is one unit with one of its texts: another row is worth more
   * than another text.
   * @throws InputError when nothing is left, a statement is about one image only, or generated questions have answers that are not known
   */
  static of(datasets: readonly Dataset[], objectives: readonly ObjectiveName[], answers?: AnswerTable): Units {
    const kinds = kindsOf(objectives);
    const most = datasets.reduce((sum, { counts }) => sum + counts[kinds[0]!].reduce((total, n) => total + n, 0), 0);
    const [rows, texts] = [new Uint32Array(most), new Uint32Array(most)];
    const [starts, rowStarts] = [[0], [0]];
    let length = 0;
    let left = 0;
    for (const dataset of datasets) {
      if (dataset.generated === true && answers !== undefined) requireKnown(dataset, answers);
      for (let row = 0; row < dataset.rows; row++) {
        const usable = kinds.map((kind) => usableTexts(dataset, row, kind, answers));
        if (usable.some((list) => list.length === 0)) {
          left++;
          continue;
        }
        if (kinds.includes("statements")) requireTwoImages(dataset, row);
        for (const text of dataset.generated === true ? [usable[0]![row % usable[0]!.length]!] : usable[0]!) {
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
        found: `none in ${left} rows`,
        hint: "Leave objectives out, or name data that has what they read",
      });
    }
    return new Units(kinds, datasets, starts, rowStarts, rows.slice(0, length), texts.slice(0, length), left);
  }

  get length(): number {
    return this.rows.length;
  }

  at(index: number): Unit {
    const source = this.sourceOf(index);
    const row = this.rows[index]!;
    return {
      dataset: this.datasets[source]!,
      row,
      globalRow: this.rowStarts[source]! + row,
      text: this.texts[index]!,
    };
  }

  /** The units of the data set that the unit is of: from, to. */
  peers(index: number): readonly [number, number] {
    const source = this.sourceOf(index);
    return [this.starts[source]!, this.starts[source + 1]!];
  }

  /**
   * The order of an epoch: every unit once. All orders are equally likely, but where data sets are read by blocks: there blocks are
   * shuffled, and units among the blocks that are read at about the same time.
   */
  order(epoch: number, random: Random): Uint32Array {
    const stream = random.at("order", epoch);
    if (this.datasets.every(({ blocks }) => blocks === undefined)) return stream.permutation(this.length);
    const blocks = this.blocks();
    const shuffled = Array.from(stream.permutation(blocks.length), (i) => blocks[i]!);
    const order = new Uint32Array(this.length);
    let done = 0;
    for (let first = 0; first < shuffled.length; first += blocksTogether) {
      const begun = done;
      for (const [from, to] of shuffled.slice(first, first + blocksTogether)) {
        for (let unit = from; unit < to; unit++) order[done++] = unit;
      }
      const together = order.slice(begun, done);
      stream.permutation(together.length).forEach((place, i) => (order[begun + i] = together[place]!));
    }
    return order;
  }

  /** Units [from, to) of each block; a data set without blocks is cut into parts as large. */
  private blocks(): (readonly [number, number])[] {
    return this.datasets.flatMap(({ blocks }, source) => {
      const [start, end] = [this.starts[source]!, this.starts[source + 1]!];
      const bounds: number[] = [start];
      if (blocks === undefined) {
        for (let at = start + unitsOfABlock; at < end; at += unitsOfABlock) bounds.push(at);
      } else {
        let next = 1;
        for (let unit = start; unit < end; unit++) {
          while (next < blocks.length && this.rows[unit]! >= blocks[next]!) {
            next++;
            if (bounds.at(-1) !== unit) bounds.push(unit);
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

const unitsOfABlock = 1_000;

function requireTwoImages(dataset: Dataset, row: number): void {
  const { length } = dataset.images(row);
  if (length >= 2) return;
  throw new InputError({
    code: "missing-data",
    where: `row ${row} of ${dataset.name}`,
    expected: "two images, which a statement of NLVR2 is about",
    found: String(length),
  });
}

function requireKnown({ name, answers = [] }: Dataset, known: AnswerTable): void {
  const odd = answers.find((answer) => known.targets({ question: "", answers: [{ answer, score: 1 }] }).size === 0);
  if (odd === undefined) return;
  throw new InputError({
    code: "invalid-setting",
    where: "answers",
    expected: `all answers of ${name}`,
    found: `no ${JSON.stringify(odd)}`,
  });
}

/** Places of the texts of a kind that can be learned: questions with a known answer, hypotheses and statements with a label. */
export function usableTexts(dataset: Dataset, row: number, kind: TextKind, answers?: AnswerTable): number[] {
  const count = dataset.counts[kind][row]!;
  const all = Array.from({ length: count }, (_, i) => i);
  if (count === 0 || dataset.generated === true || kind === "captions" || kind === "negatives") return all;
  const texts = dataset.texts(row);
  if (kind === "questions") return all.filter((i) => (answers?.targets(texts.questions[i]!).size ?? 0) > 0);
  return all.filter((i) => texts[kind][i]!.label !== undefined);
}
