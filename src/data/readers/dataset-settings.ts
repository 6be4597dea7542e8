/** What a user says about a data set, and what a reader is given to open it. */

import type { OpenFiles } from "./open-files.js";
import type { SplitFilter } from "./split-filter.js";

export const datasetFormats = ["folder", "arrow", "parquet", "webdataset", "scenes"] as const;

/**
 * `folder`: a table of captions (JSON Lines, CSV, TSV) beside its images. `scenes`: a document that describes composed scenes,
 * `../scenes/scenes-file.ts`.
 */
export type DatasetFormat = (typeof datasetFormats)[number];

/** What a column can mean; `roles.ts` says under which names each is found by itself. */
export const columnRoles = [
  "image",
  "image_0",
  "image_1",
  "images",
  "caption",
  "question",
  "answer",
  "answer_labels",
  "answer_scores",
  "question_id",
  "sentences",
  "hypothesis",
  "statement",
  "label",
  "negative",
  "split",
] as const;

export type ColumnRole = (typeof columnRoles)[number];

/** Names of columns that are not found by themselves. */
export type ColumnNames = Readonly<Partial<Record<ColumnRole, string>>>;

export interface DatasetSettings {
  /** A file, a folder, or shards by a pattern such as `shard-{000..012}.tar`. */
  readonly path: string;
  /** Told from names and first bytes where it is not given. */
  readonly format?: DatasetFormat;
  readonly columns?: ColumnNames;
  /**
   * In a folder of several files: those with this word in their names (`train-00000-of-00002.parquet`), or its subfolder of this
   * name. Otherwise: rows whose column `split` says it. Of scenes: what the document says, or nothing.
   */
  readonly split?: string;
}

export interface OpenOptions {
  /** How far opening is, in a unit of the format's own. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops opening with the signal's reason. */
  readonly signal?: AbortSignal;
}

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
