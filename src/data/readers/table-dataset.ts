/** A `Dataset` from the store of its texts and a way to its images. */

import type { Dataset, ImageSource } from "../dataset.js";
import type { RowStore } from "./row-store.js";

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
