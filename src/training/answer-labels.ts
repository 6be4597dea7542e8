/** The answers of a VQA classifier, and the targets of a question. */
import { isFolder, maxConfigBytes } from "../files/index.js";
import { dirname, join } from "node:path";
import { answerListName, readAnswerList } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import type { Dataset, Question } from "../data/index.js";

export class AnswerTable {
  private readonly labels: ReadonlyMap<string, number>;

  constructor(readonly answers: readonly string[]) {
    this.labels = new Map(answers.map((answer, label) => [answer, label]));
  }

  /** Scores of the correct answers that are in the table, by label. */
  targets({ answers }: Question): ReadonlyMap<number, number> {
    const known = answers.flatMap(({ answer, score }) => {
      const label = this.labels.get(answer);
      return label === undefined ? [] : [[label, score] as const];
    });
    return new Map(known);
  }
}

/** Sources of the answers of a run. The first that exists is used. */
export interface AnswerSources {
  /** The file that the settings name. */
  readonly named: string | undefined;
  /** The answers of the classifier that the run starts from. */
  readonly known: AnswerTable | undefined;
  /** Data sets, which may have a file `answers.json` beside them. */
  readonly paths: readonly string[];
  /** Data sets whose answers make the table otherwise, in the order of their first use. */
  readonly datasets: readonly Dataset[];
}

/** @throws InputError if a file is no list of different texts, or there are no answers */
export async function answerTable({ named, known, paths, datasets }: AnswerSources): Promise<AnswerTable> {
  if (named !== undefined) {
    const found = await readTable(named);
    if (found !== undefined) return found;
    throw new InputError({
      code: "file-not-found",
      where: `answers ${named}`,
      expected: "a JSON list of answers",
      found: "no such file",
      hint: "Check the path",
    });
  }
  if (known !== undefined) return known;
  for (const path of paths) {
    const found = await readTable(join((await isFolder(path)) ? path : dirname(path), answerListName));
    if (found !== undefined) return found;
  }
  return answersOf(datasets);
}

/** The table in a model folder or run, if it has one. @throws InputError for an invalid file */
export const answersIn = (folder: string): Promise<AnswerTable | undefined> => readTable(join(folder, answerListName));

function answersOf(datasets: readonly Dataset[]): AnswerTable {
  const all = new Set<string>();
  for (const dataset of datasets) {
    for (let row = 0; row < dataset.rows; row++) {
      for (const { answers } of dataset.texts(row).questions) for (const { answer } of answers) all.add(answer);
    }
  }
  const where = datasets.map(({ name }) => name).join(", ");
  if (all.size === 0) {
    throw new InputError({
      code: "missing-data",
      where,
      expected: "questions with answers, which the objective vqa needs",
      found: "none",
      hint: "Leave vqa out, or add data that has them",
    });
  }
  // The size of the file in a checkpoint, which must be readable.
  const bytes = Buffer.byteLength(JSON.stringify([...all], undefined, 2)) + 1;
  if (bytes > maxConfigBytes) {
    throw new InputError({
      code: "file-too-large",
      where,
      expected: `answers of at most ${maxConfigBytes} bytes, which a classifier can predict`,
      found: `${all.size} answers of ${bytes} bytes`,
      hint: "Use a file with fewer answers in the setting answers",
    });
  }
  return new AnswerTable([...all]);
}

async function readTable(file: string): Promise<AnswerTable | undefined> {
  const answers = await readAnswerList(file);
  return answers && new AnswerTable(answers);
}
