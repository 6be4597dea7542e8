/** What every data set gives, whatever its files: images to be read when they are wanted, and texts that go with them. */

/** The bytes of one image, read when asked. */
export interface ImageSource {
  /** What errors call it: its file, with its row where the file holds many. */
  readonly name: string;
  /** @throws InputError when the file has gone or the bytes cannot be read */
  readonly read: () => Promise<Uint8Array>;
}

export interface AnswerScore {
  readonly answer: string;
  /** Its number in the vocabulary that the file was written with; absent where the file has text only. */
  readonly label?: number;
  /** How right it is, 0..1. */
  readonly score: number;
}

export interface Question {
  readonly question: string;
  readonly questionId?: number;
  /** Empty in test files. */
  readonly answers: readonly AnswerScore[];
}

/** SNLI-VE. */
export interface Hypothesis {
  readonly text: string;
  /** 0 contradiction, 1 neutral, 2 entailment; absent in files without labels. */
  readonly label?: number;
}

/** NLVR2: about two images. */
export interface Statement {
  readonly text: string;
  /** 1 where it is true of both images; absent in files without labels. */
  readonly label?: number;
}

/** A text that is false of the image. */
export interface Negative {
  readonly text: string;
  /** What was changed in a true text, such as `obj` or `rel`. */
  readonly facet?: string;
}

/** The texts of one row. */
export interface RowTexts {
  readonly captions: readonly string[];
  readonly questions: readonly Question[];
  readonly hypotheses: readonly Hypothesis[];
  readonly statements: readonly Statement[];
  readonly negatives: readonly Negative[];
}

export type TextKind = keyof RowTexts;

/** Rows of images with texts. Rows are numbered from 0 in the order of the file. */
export interface Dataset {
  /** As the user named it. */
  readonly name: string;
  readonly rows: number;
  /** How many texts of each kind each row has. [rows] each */
  readonly counts: Readonly<Record<TextKind, Uint32Array>>;
  /**
   * First rows of blocks that are read at once, ascending from 0, where reading rows in any order would read whole blocks
   * again and again. Absent where every row is as quick as any.
   */
  readonly blocks?: readonly number[];
  /**
   * Every question has a known answer and every hypothesis and statement a label. Without it all texts of these kinds are read before
   * training, to leave out those that have none.
   */
  readonly labelled?: boolean;
  texts(row: number): RowTexts;
  /** One image, or the left and the right one of statements. */
  images(row: number): readonly ImageSource[];
  close(): Promise<void>;
}
