/** The interface of the readers: the input of each, the filter for one split, and the `Dataset` that they return. */

import { InputError, nearestHint } from "../../errors.js";
import { guarded, type Dataset, type ImageSource } from "../dataset.js";
import { type ColumnNames, listed } from "./column-roles.js";
import type { ReadCounts } from "./read-counts.js";
import type { OpenFiles } from "./open-files.js";
import type { RowStore } from "./row-store.js";

/** The input of a reader: one file, or the shards of one format. */
export interface ReaderInput {
  /** The path that the user gave. */
  readonly name: string;
  /** In the order of their rows. */
  readonly paths: readonly string[];
  readonly columns: ColumnNames;
  /** Which rows are kept. Shared by all readers of the data set, like the files. */
  readonly split: SplitFilter;
  /** What is left out. Shared as well. */
  readonly counts: ReadCounts;
  /** Closing it closes the data set. */
  readonly files: OpenFiles;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Words for parts that are never trained on as one, in names of files and in columns `split`. */
const parts: Readonly<Record<string, string>> = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  test: "test",
  testing: "test",
};

/** The part that a word names: train, val or test. */
export const partOf = (word: string): string | undefined => (Object.hasOwn(parts, word) ? parts[word] : undefined);

/** Splits listed in an error. */
const maxNamed = 20;

/** Chooses the rows of one split, or finds out that rows of several are read. */
export class SplitFilter {
  readonly #where: string;
  readonly #wanted: string | undefined;
  /** Other values of the column; all of them if no split is wanted. */
  readonly #others = new Set<string>();
  #kept = false;

  constructor(where: string, wanted: string | undefined) {
    this.#where = where;
    this.#wanted = wanted;
  }

  /** Whether the column `split` must be read. */
  get isActive(): boolean {
    return this.#wanted !== undefined;
  }

  /** Whether a row with this value in its column `split` is wanted. */
  keeps(split: unknown): boolean {
    if (this.#wanted !== undefined && split === this.#wanted) return (this.#kept = true);
    if (typeof split === "string" && this.#others.size < maxNamed) this.#others.add(split);
    return this.#wanted === undefined;
  }

  /** The values of the column, if no split is wanted and several of train, val and test are among them. */
  get mixed(): readonly string[] | undefined {
    if (this.#wanted !== undefined) return undefined;
    const found = new Set([...this.#others].flatMap((value) => partOf(value.toLowerCase()) ?? []));
    return found.size > 1 ? [...this.#others] : undefined;
  }

  /** @throws InputError if no row was of the wanted split */
  finish(): void {
    if (this.#wanted === undefined || this.#kept) return;
    const others = [...this.#others];
    throw new InputError({
      code: "missing-data",
      where: this.#where,
      expected: `rows with split ${JSON.stringify(this.#wanted)}`,
      found: others.length === 0 ? "no row with a split" : listed(others),
      hint:
        others.length === 0
          ? "Leave out the split, or name the file of that split"
          : (nearestHint(this.#wanted, others) ?? "Use one of these"),
    });
  }
}

/** Bytes. Larger images are refused. */
export const maxImageBytes = 2 ** 28;

export interface TableParts {
  readonly name: string;
  readonly store: RowStore;
  readonly blocks?: readonly number[];
  readonly images: (row: number) => readonly ImageSource[];
}

/** A `Dataset` of stored texts. Its `close` does nothing: `openDataset` closes the files that all readers share. */
export function tableDataset({ name, store, blocks, images }: TableParts): Dataset {
  return guarded({
    name,
    rows: store.rows,
    counts: store.counts(),
    blocks,
    texts: (row) => store.texts(row),
    images,
    close: () => Promise.resolve(),
  });
}
