/** A `Dataset` from the store of its texts and a way to its pictures. */

import type { Dataset, PictureSource } from "../dataset.js";
import type { RowStore } from "./row-store.js";

/** A picture that takes more bytes than this is no picture to train on. */
export const largestPicture = 2 ** 28;

export interface TableParts {
  readonly name: string;
  readonly store: RowStore;
  readonly blocks?: readonly number[];
  readonly pictures: (row: number) => readonly PictureSource[];
}

/** Closing it does nothing: `openDataset` closes the files that all readers of a data set share. */
export function tableDataset({ name, store, blocks, pictures }: TableParts): Dataset {
  return {
    name,
    rows: store.rows,
    counts: store.counts(),
    ...(blocks === undefined ? {} : { blocks }),
    texts: (row) => store.texts(checked(row, store.rows)),
    pictures: (row) => pictures(checked(row, store.rows)),
    close: () => Promise.resolve(),
  };
}

function checked(row: number, rows: number): number {
  if (Number.isInteger(row) && row >= 0 && row < rows) return row;
  throw new RangeError(`row ${row} of ${rows}`);
}
