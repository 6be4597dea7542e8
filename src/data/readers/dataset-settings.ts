/** What a user says about a data set. */

import type { ColumnNames } from "./column-roles.js";

export const datasetFormats = ["folder", "arrow", "parquet", "webdataset"] as const;

/** `folder`: a table of captions (JSON Lines, CSV, TSV) beside its images. */
export type DatasetFormat = (typeof datasetFormats)[number];

export interface DatasetSettings {
  /** A file, a folder, or shards by a pattern such as `shard-{000..012}.tar`. */
  readonly path: string;
  /** Told from names and first bytes where it is not given. */
  readonly format?: DatasetFormat;
  readonly columns?: ColumnNames;
  /**
   * In a folder of several files: those with this word in their names (`train-00000-of-00002.parquet`), or its subfolder of this
   * name. Otherwise: rows whose column `split` says it.
   */
  readonly split?: string;
}

export interface OpenOptions {
  /** How far opening is, in a unit of the format's own. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops opening with the signal's reason. */
  readonly signal?: AbortSignal;
}
