/** The interface of the readers: the input of each, the filter for one split, and the `Dataset` that they return. */

import { InputError, nearestHint } from "../../errors.js";
import type { Dataset, ImageSource } from "../dataset.js";
import { type ColumnNames, listed } from "./column-roles.js";
import type { OpenFiles } from "./open-files.js";
import type { RowStore } from "./row-store.js";

/** One file, or the shards of one format, to be read. */
export interface ReaderInput {
  /** What the user called the data set. */
  readonly name: string;
  /** In the order of their rows. */
  readonly paths: readonly string[];
  readonly columns: ColumnNames;
  /** Which rows are kept. Shared, like the files, by all readers of the data set. */
  readonly split: SplitFilter;
  /** Shared by all readers of the data set, which is closed by closing it. */
  readonly files: OpenFiles;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Splits named in an error. */
const maxNamed = 20;

export class SplitFilter {
  readonly #where: string;
  /** Every row is kept where it is undefined. */
  readonly wanted: string | undefined;
  readonly #others = new Set<string>();
  #kept = false;

  constructor(where: string, wanted: string | undefined) {
    this.#where = where;
    this.wanted = wanted;
  }

  /** Whether the column `split` matters at all. */
  get isActive(): boolean {
    return this.wanted !== undefined;
  }

  /** Whether a row with this value in its column `split` is wanted. */
  keeps(split: unknown): boolean {
    if (this.wanted === undefined) return true;
    if (split === this.wanted) return (this.#kept = true);
    if (typeof split === "string" && this.#others.size < maxNamed) this.#others.add(split);
    return false;
  }

  /** @throws InputError when no row was of the wanted split */
  finish(): void {
    if (this.wanted === undefined || this.#kept) return;
    const others = [...this.#others];
    throw new InputError({
      code: "missing-data",
      where: this.#where,
      expected: `rows whose column split says ${JSON.stringify(this.wanted)}`,
      found: others.length === 0 ? "no row that names a split" : listed(others),
      hint:
        others.length === 0
          ? "Leave out the split, or name the file of that split"
          : (nearestHint(this.wanted, others) ?? "Name one of these"),
    });
  }
}

/** An image that takes more bytes than this is no image to train on. */
export const maxImage = 2 ** 28;

export interface TableParts {
  readonly name: string;
  readonly store: RowStore;
  readonly blocks?: readonly number[];
  readonly images: (row: number) => readonly ImageSource[];
}

/** Closing it does nothing: `openDataset` closes the files that all readers of a data set share. */
export function tableDataset({ name, store, blocks, images }: TableParts): Dataset {
  return {
    name,
    rows: store.rows,
    counts: store.counts(),
    ...(blocks === undefined ? {} : { blocks }),
    texts: (row) => store.texts(checked(row, store.rows)),
    images: (row) => images(checked(row, store.rows)),
    close: () => Promise.resolve(),
  };
}

function checked(row: number, rows: number): number {
  if (Number.isInteger(row) && row >= 0 && row < rows) return row;
  throw new RangeError(`row ${row} of ${rows}`);
}
