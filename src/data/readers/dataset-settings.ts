/** The settings of a data set. */

import type { ColumnNames } from "./column-roles.js";

export const datasetFormats = ["folder", "sidecar", "arrow", "parquet", "webdataset"] as const;

/**
 * `folder`: a table of captions (JSON Lines, or cells between separators) and its images. `sidecar`: images with their captions in text
 * files beside them.
 */
export type DatasetFormat = (typeof datasetFormats)[number];

/** A data set and how to read it. */
export interface DatasetSettings {
  /** A file, a folder, or shards by a pattern such as `shard-{000..012}.tar`. */
  readonly path: string;
  /** Default: detected from names and first bytes. */
  readonly format?: DatasetFormat;
  readonly columns?: ColumnNames;
  /**
   * In a folder of several files: those with this word in their names (`train-00000-of-00002.parquet`), or its subfolder of this
   * name. Otherwise: rows whose column `split` says it.
   */
  readonly split?: string;
}

/** Options of `openDataset`. */
export interface OpenOptions {
  /** Progress in a unit that depends on the format. An error that it throws rejects the call. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Rejects with `signal.reason` when aborted. */
  readonly signal?: AbortSignal;
}
