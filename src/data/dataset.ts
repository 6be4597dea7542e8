/** The interface of every data set: images that are read on demand, and the texts that belong to them. */
import { types } from "node:util";
import { described, type ArgumentType } from "../arguments.js";
import { InputError } from "../errors.js";

/** One encoded image, read on demand. */
export interface ImageSource {
  /** How errors call it: its file, and its row if the file has several. */
  readonly name: string;
  /** The bytes of the image file. @throws InputError if it is missing or cannot be read */
  readonly read: () => Promise<Uint8Array>;
}

/** One answer to a question. */
export interface AnswerScore {
  readonly answer: string;
  /** Its index in the vocabulary that the file was written with; absent if the file has only text. */
  readonly label?: number;
  /** Soft score, 0..1. */
  readonly score: number;
}

/** A question about an image (VQA). */
export interface Question {
  readonly question: string;
  readonly questionId?: number;
  /** Empty in test files. */
  readonly answers: readonly AnswerScore[];
}

/** A hypothesis about an image (SNLI-VE). */
export interface Hypothesis {
  readonly text: string;
  /** 0 contradiction, 1 neutral, 2 entailment; absent in files without labels. */
  readonly label?: number;
}

/** A statement about two images (NLVR2). */
export interface Statement {
  readonly text: string;
  /** 1 true, 0 false; absent in files without labels. */
  readonly label?: number;
}

/** A false caption of the image: a hard negative. */
export interface Negative {
  readonly text: string;
  /** The attribute that was changed in a true caption, such as `obj` or `rel`. */
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

/** A kind of text of a row. */
export type TextKind = keyof RowTexts;

/** How the rows of a data set were made of its files: what was merged and what was left out. */
export interface ReadReport {
  /** Lines of tables, rows of files and samples of archives, of the chosen split. Records of the same image are one row. */
  readonly records: number;
  /** Records with neither image nor text. Left out. */
  readonly emptyRecords: number;
  /** Records with an image and no text. They are rows. */
  readonly recordsWithoutText: number;
  /** Samples of archives that have no image which can be read. Left out. */
  readonly recordsWithoutImage: number;
  /** Blank captions. Left out. */
  readonly emptyCaptions: number;
  /** Captions that their row has already, compared without blanks at their ends. Kept once. */
  readonly repeatedCaptions: number;
  /** Files of archives, and of folders of images and texts, that are part of no row. Files such as `._a.jpg` are not counted. */
  readonly otherFiles: number;
  /** The same in sentences, for logs. Empty if nothing was left out and all records have text, or none. */
  readonly notes: readonly string[];
}

/** Rows of images with texts, numbered from 0 in the order of the file. */
export interface Dataset extends AsyncDisposable {
  /** The path that the user gave. */
  readonly name: string;
  readonly rows: number;
  /** The number of texts of each kind in each row. [rows] each */
  readonly counts: Readonly<Record<TextKind, Uint32Array>>;
  /**
   * First rows of the blocks that are read as a whole, ascending from 0. Training shuffles within blocks, because random access would
   * read whole blocks repeatedly. Absent if random access is fast.
   */
  readonly blocks?: readonly number[];
  /**
   * Every question has a known answer and every hypothesis and statement a label. Otherwise all texts of these kinds are read before
   * training, to skip those without.
   */
  readonly labelled?: boolean;
  /** What the reader of the files left out or merged. Absent in data sets from code. */
  readonly report?: ReadReport;
  /**
   * Values of the column `split`, if rows of several of train, val and test were read because no split was chosen. Training and the
   * command `evaluate` refuse such a data set.
   */
  readonly mixedSplits?: readonly string[];
  texts(row: number): RowTexts;
  /** One image, or the left and the right one of statements. */
  images(row: number): readonly ImageSource[];
  /** Closes the files. Images cannot be read afterwards. */
  close(): Promise<void>;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A data set that refuses rows that do not exist, and every use after `close`, which closes it once. Adds what `await using` calls. A copy
 * with another `close` calls that one.
 * @internal
 */
export function guarded(dataset: Omit<Dataset, typeof Symbol.asyncDispose>): Dataset {
  const { name, rows } = dataset;
  let closing: Promise<void> | undefined;
  const checked = (row: number) => {
    if (closing !== undefined) {
      throw new InputError({
        code: "disposed",
        where: name,
        expected: "an open data set",
        found: "a closed data set",
        hint: "Read rows before closing the data set",
      });
    }
    if (Number.isInteger(row) && row >= 0 && row < rows) return row;
    const [expected, found] = [`a whole number from 0 to ${rows - 1}`, described(row)];
    throw new InputError({ code: "invalid-argument", where: `row of ${name}`, expected, found });
  };
  return {
    ...dataset,
    texts: (row) => dataset.texts(checked(row)),
    images: (row) => dataset.images(checked(row)),
    close: () => (closing ??= dataset.close()),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

/** An image of a data set, before it is read. @internal */
export const sourceType: ArgumentType = {
  expected: "an image { name, read }: a string, and a function that gives the bytes of a file",
  accepts: (value) => {
    const { name, read } = Object(value) as Partial<Record<"name" | "read", unknown>>;
    return typeof name === "string" && typeof read === "function";
  },
};

/**
 * The bytes of an image of a data set.
 * @throws InputError `invalid-dataset` if `read` gives anything but bytes
 * @internal
 */
export async function readSource(source: ImageSource): Promise<Uint8Array> {
  const bytes: unknown = await source.read();
  if (types.isUint8Array(bytes)) return bytes;
  throw new InputError({
    code: "invalid-dataset",
    where: source.name,
    expected: "read() to give a Uint8Array or a Buffer",
    found: described(bytes),
  });
}

/**
 * Refuses a data set whose rows are of several splits, because training on rows of the test set is an error that no number shows.
 * @param hint how to choose a split where the data set was named
 * @throws InputError naming the splits
 * @internal
 */
export function refuseMixedSplits({ name, mixedSplits }: Dataset, hint: string): void {
  if (mixedSplits === undefined) return;
  throw new InputError({
    code: "invalid-dataset",
    where: `${name}, column "split"`,
    expected: "rows of one split of train, val and test",
    found: mixedSplits.join(", "),
    hint,
  });
}
