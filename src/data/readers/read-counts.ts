/** Counts what a reader leaves out or merges, for `ReadReport`. */

import type { ReadReport } from "../dataset.js";

type CountName = Exclude<keyof ReadReport, "notes">;

/** Sentences for counts above 0. */
const sentences: Readonly<Record<Exclude<CountName, "records" | "recordsWithoutText">, (count: number) => string>> = {
  emptyRecords: (n) =>
    `${plural(n, "record has", "records have")} neither image nor text and ${n === 1 ? "is" : "are"} left out`,
  recordsWithoutImage: (n) =>
    `${plural(n, "sample has", "samples have")} no image that can be read and ${n === 1 ? "is" : "are"} left out`,
  emptyCaptions: (n) => `${plural(n, "caption is", "captions are")} blank and left out`,
  repeatedCaptions: (n) =>
    `${plural(n, "duplicate caption of the same image was", "duplicate captions of the same image were")} dropped`,
  otherFiles: (n) => `${plural(n, "file is", "files are")} part of no row`,
};

const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

/** Places named in a note. */
const maxNamed = 8;

/** The counts of one data set, shared by the readers of its files. */
export class ReadCounts {
  readonly #counts: Record<CountName, number> = {
    records: 0,
    emptyRecords: 0,
    recordsWithoutText: 0,
    recordsWithoutImage: 0,
    emptyCaptions: 0,
    repeatedCaptions: 0,
    otherFiles: 0,
  };
  /** Where each was seen first. */
  readonly #first = new Map<CountName, string>();
  /** Endings of the files that are part of no row, with their number. */
  readonly #endings = new Map<string, number>();
  readonly #notes: string[] = [];

  /** @param where file and row; called for the first of each kind only */
  add(name: CountName, where?: () => string, count = 1): void {
    if (count === 0) return;
    this.#counts[name] += count;
    if (where !== undefined && !this.#first.has(name)) this.#first.set(name, where());
  }

  /** Adds a file of an archive or a folder that is part of no row. @param ending such as `.seg.png` */
  addOther(ending: string, where: () => string): void {
    this.add("otherFiles", where);
    // Names in an archive may be of any number.
    if (this.#endings.size < 1000 || this.#endings.has(ending)) {
      this.#endings.set(ending, (this.#endings.get(ending) ?? 0) + 1);
    }
  }

  /** Adds a sentence to the report. */
  note(sentence: string): void {
    this.#notes.push(sentence);
  }

  /** The endings of files that are part of no row, the most frequent first; undefined if there is none. */
  get otherEndings(): string | undefined {
    if (this.#endings.size === 0) return undefined;
    const sorted = [...this.#endings].sort(([, a], [, b]) => b - a);
    const named = sorted.slice(0, maxNamed).map(([ending, count]) => `${ending} (${count})`);
    return named.join(", ") + (sorted.length > maxNamed ? ` and ${sorted.length - maxNamed} more` : "");
  }

  report(): ReadReport {
    const notes = [...this.#notes];
    for (const name of Object.keys(sentences) as (keyof typeof sentences)[]) {
      const count = this.#counts[name];
      if (count === 0) continue;
      const which = name === "otherFiles" ? ` (${this.otherEndings!})` : this.#place(name);
      notes.push(sentences[name](count) + which);
    }
    const { records, recordsWithoutText: textless } = this.#counts;
    if (textless > 0 && textless < records) {
      notes.push(`${textless} of ${records} records have an image and no text${this.#place("recordsWithoutText")}`);
    }
    return { ...this.#counts, notes };
  }

  #place(name: CountName): string {
    const first = this.#first.get(name);
    return first === undefined ? "" : ` (the first: ${first})`;
  }
}

/** The report of several data sets that are read as one; undefined if none has any. */
export function joinedReport(reports: readonly (ReadReport | undefined)[]): ReadReport | undefined {
  const given = reports.filter((report) => report !== undefined);
  if (given.length === 0) return undefined;
  const sum = (name: CountName) => given.reduce((total, report) => total + report[name], 0);
  return {
    records: sum("records"),
    emptyRecords: sum("emptyRecords"),
    recordsWithoutText: sum("recordsWithoutText"),
    recordsWithoutImage: sum("recordsWithoutImage"),
    emptyCaptions: sum("emptyCaptions"),
    repeatedCaptions: sum("repeatedCaptions"),
    otherFiles: sum("otherFiles"),
    notes: given.flatMap(({ notes }) => notes),
  };
}
