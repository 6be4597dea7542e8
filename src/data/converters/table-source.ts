/** A table to be written: what a data set's module says about each of its files. */
import type { Columns, Value } from "./columns.js";
import type { OnBytes } from "./json-elements.js";
import type { ImageFile } from "./read-image.js";
import type { LeftOut } from "./report.js";

/** A row before its images are read; they fill the columns of type `binary` in order. */
export interface PlannedRow {
  readonly images: readonly ImageFile[];
  readonly fields: Readonly<Record<string, Value>>;
  /** Number of captions, questions or statements. */
  readonly texts: number;
}

export interface PlannedRows {
  readonly total: number;
  /** Images that the source has texts for and that are known not to be there; they are not among the rows. */
  readonly absent?: LeftOut;
  readonly each: () => Iterable<PlannedRow> | AsyncIterable<PlannedRow>;
}

export interface Table {
  /** Names of its files in the output folder: one, or one for each shard. */
  readonly file: string | ((shard: number) => string);
  /** Rows of a shard; they all are in one file without it. */
  readonly shardSize?: number;
  readonly columns: Columns;
  /** Files that the rows are made from: when one changes size, a finished table is not taken for that of the new one. */
  readonly sources: readonly string[];
  /** What rows are called in errors, such as «images of the split val». */
  readonly what: string;
  /** Reads the sources. Not called for a single file that is finished. */
  readonly load: () => Promise<PlannedRows>;
}

/** What the modules of the data sets are given. */
export interface PrepareContext {
  readonly source: string;
  readonly out: string;
  /** Those asked for, in the data set's order. */
  readonly splits: readonly string[];
  readonly shardSize: number;
  /** Whether the answers of people are normalised before they are scored. */
  readonly normalized: boolean;
  readonly force: boolean;
  readonly onBytes: OnBytes;
  readonly signal: AbortSignal | undefined;
}

/** A data set that can be prepared. */
export interface Preparation {
  /** Parts that can be asked for; none where there is only one. */
  readonly splits: readonly string[];
  readonly sharded?: boolean;
  /** Whether its answers can also be left as they were typed. */
  readonly answers?: boolean;
  readonly tables: (context: PrepareContext) => Promise<readonly Table[]>;
}
