/** What `prepareDataset` made, for people and for programs. */
import type { ImageProblem } from "./read-image.js";

export interface LeftOut {
  readonly count: number;
  /** The first ones, with the reason. */
  readonly first: readonly ImageProblem[];
}

export interface TableReport {
  /** The name of the file in the output folder. */
  readonly file: string;
  /** Images, or pairs of them. */
  readonly rows: number;
  /** Captions, questions or statements. */
  readonly texts: number;
  /** Images that were missing or broken; their texts are left out with them. */
  readonly leftOut: LeftOut;
  /** Whether an earlier run had finished it. */
  readonly kept: boolean;
}

export interface PrepareReport {
  readonly dataset: string;
  readonly out: string;
  readonly tables: readonly TableReport[];
  /** Texts of SBU whose images are not in the folder: no shard counts them. */
  readonly absent?: LeftOut;
  /** Number of answers in `answers.json`, for visual question answering. */
  readonly answers?: number;
}

/** How many problems are named. */
const named = 10;

/** Counts problems and keeps the first ones. */
export class Problems {
  private count = 0;
  private readonly first: ImageProblem[] = [];

  add(problem: ImageProblem): void {
    if (this.count++ < named) this.first.push(problem);
  }

  get leftOut(): LeftOut {
    return { count: this.count, first: this.first };
  }
}
