/** The description of a converter's tables, and the reports of `prepareDataset` about them. */
import type { Columns, Value } from "./arrow-writer.js";
import type { OnBytes } from "../readers/json-elements.js";
import type { ImageFile, ImageProblem } from "./read-image.js";

/** A row before its images are read. The images fill the columns of type `binary` in order. */
export interface PlannedRow {
  readonly images: readonly ImageFile[];
  readonly fields: Readonly<Record<string, Value>>;
  /** Number of captions, questions or statements. */
  readonly texts: number;
}

export interface PlannedRows {
  readonly total: number;
  /** Texts in the source that are not among the rows: their image has no file, or another text. */
  readonly absent?: LeftOut;
  readonly each: () => Iterable<PlannedRow> | AsyncIterable<PlannedRow>;
}

export interface Table {
  /** Names of its files in the output folder: one, or one for each shard. */
  readonly file: string | ((shard: number) => string);
  /** Rows of a shard. Default: all rows in one file. */
  readonly shardSize?: number;
  readonly columns: Columns;
  /** Files that the rows are made from. If the size of one changes, the finished table is out of date. */
  readonly sources: readonly string[];
  /** How errors call the rows, such as "images of the split val". */
  readonly what: string;
  /** Reads the sources. Not called for a single file that is finished. */
  readonly load: () => Promise<PlannedRows>;
}

/** The input of the converters. */
export interface PrepareContext {
  readonly source: string;
  readonly out: string;
  /** The splits to write, in the data set's order. */
  readonly splits: readonly string[];
  readonly shardSize: number;
  /** Whether the annotators' answers are normalized before they are scored. */
  readonly normalized: boolean;
  readonly force: boolean;
  readonly onBytes: OnBytes;
  readonly signal: AbortSignal | undefined;
}

/** Converts one published data set. */
export interface Converter {
  /** Names of the splits. Empty if there is only one. */
  readonly splits: readonly string[];
  readonly sharded?: boolean;
  /** Whether `rawAnswers` is supported. */
  readonly answers?: boolean;
  readonly tables: (context: PrepareContext) => Promise<readonly Table[]>;
}

/** Images that were left out of a table. */
export interface LeftOut {
  readonly count: number;
  /** The first 10, with the reason. */
  readonly first: readonly ImageProblem[];
}

/** One file that `prepareDataset` wrote or kept. */
export interface TableReport {
  /** The name of the file in the output folder. */
  readonly file: string;
  /** Images, or pairs of them. */
  readonly rows: number;
  /** Captions, questions or statements. */
  readonly texts: number;
  /** Images that were missing or broken. Their texts are left out too. */
  readonly leftOut: LeftOut;
  /** Whether an earlier run had written it. */
  readonly kept: boolean;
}

/** The result of `prepareDataset`. */
export interface PrepareReport {
  readonly dataset: string;
  readonly out: string;
  readonly tables: readonly TableReport[];
  /** Texts of SBU that are in no shard: their images are not in the folder, or have a later text. */
  readonly absent?: LeftOut;
  /** Number of answers in `answers.json`, for visual question answering. */
  readonly answers?: number;
}

/** Problems that are listed; all are counted. */
const maxListed = 10;

/** Counts problems and keeps the first ones. */
export class Problems {
  private count = 0;
  private readonly first: ImageProblem[] = [];

  add(problem: ImageProblem): void {
    if (this.count++ < maxListed) this.first.push(problem);
  }

  get leftOut(): LeftOut {
    return { count: this.count, first: this.first };
  }
}
