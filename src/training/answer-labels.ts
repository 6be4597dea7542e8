/** The answers that a VQA classifier tells apart, and the targets of a question. */
import { readTextIfPresent } from "../files/index.js";
import { dirname, join } from "node:path";
import { stat } from "node:fs/promises";
import { InputError } from "../errors.js";
import type { Dataset, Question } from "../data/index.js";

const maxFile = 2 ** 20;

export class AnswerTable {
  private readonly labels: ReadonlyMap<string, number>;

  constructor(readonly answers: readonly string[]) {
    this.labels = new Map(answers.map((answer, label) => [answer, label]));
  }

  /** Scores of the right answers that are in the table, by their numbers. */
  targets({ answers }: Question): ReadonlyMap<number, number> {
    const known = answers.flatMap(({ answer, score }) => {
      const label = this.labels.get(answer);
      return label === undefined ? [] : [[label, score] as const];
    });
    return new Map(known);
  }
}

/** Where the table of a run may come from, the first that is there. */
export interface AnswerSources {
  /** The file that the settings name. */
  readonly named: string | undefined;
  /** Of the classifier that the run begins with. */
  readonly known: AnswerTable | undefined;
  /** Data sets, beside which a file `answers.json` may stand. */
  readonly paths: readonly string[];
  /** Whose answers make a table of their own, in the order in which they first come up. */
  readonly datasets: readonly Dataset[];
}

/** @throws InputError when a file holds no list of different texts, or there are no answers anywhere */
export async function answerTable({ named, known, paths, datasets }: AnswerSources): Promise<AnswerTable> {
  if (named !== undefined) {
    const found = await answersInFile(named);
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
    const found = await answersInFile(join((await isFolder(path)) ? path : dirname(path), fileName));
    if (found !== undefined) return found;
  }
  return answersOf(datasets);
}

/** The table in a model folder or run; nothing where there is none. @throws InputError for a file that holds something else */
export const answersIn = (folder: string): Promise<AnswerTable | undefined> => answersInFile(join(folder, fileName));

const fileName = "answers.json";

function answersOf(datasets: readonly Dataset[]): AnswerTable {
  const all = new Set<string>();
  for (const dataset of datasets) {
    for (const answer of dataset.answers ?? answersOfRows(dataset)) all.add(answer);
  }
  const where = datasets.map(({ name }) => name).join(", ");
  if (all.size === 0) {
    throw new InputError({
      code: "missing-data",
      where,
      expected: "questions with answers, which the objective vqa learns",
      found: "none",
      hint: "Leave vqa out, or add data that has them",
    });
  }
  // As a checkpoint writes it, which must be read back.
  const bytes = Buffer.byteLength(JSON.stringify([...all], undefined, 2)) + 1;
  if (bytes > maxFile) {
    throw new InputError({
      code: "file-too-large",
      where,
      expected: `answers of at most ${maxFile} bytes, to be told apart by a classifier`,
      found: `${all.size} answers of ${bytes} bytes`,
      hint: "Name a file with those that are to be learned as answers",
    });
  }
  return new AnswerTable([...all]);
}

function* answersOfRows(dataset: Dataset): Generator<string> {
  for (let row = 0; row < dataset.rows; row++) {
    for (const { answers } of dataset.texts(row).questions) for (const { answer } of answers) yield answer;
  }
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

async function answersInFile(file: string): Promise<AnswerTable | undefined> {
  const text = await readTextIfPresent(file, maxFile);
  if (text === undefined) return undefined;
  const expected = "a JSON list of different texts, or an object with the keys 0, 1, 2, …";
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ code: "invalid-json", where: file, expected, found: "no JSON" }, { cause });
  }
  const found = oddityOf(json);
  if (found !== undefined) throw new InputError({ code: "invalid-json", where: file, expected, found });
  // Nothing odd: every entry is text, in the order of the keys.
  return new AnswerTable(Object.values(json as object) as string[]);
}

/** Why it is no list of different texts; nothing where it is one. */
function oddityOf(json: unknown): string | undefined {
  if (typeof json !== "object" || json === null) return "a single value";
  const entries = Object.entries(json as Readonly<Record<string, unknown>>);
  if (entries.length === 0) return "nothing in it";
  const seen = new Set<string>();
  for (const [i, [key, value]] of entries.entries()) {
    if (key !== String(i)) return `${JSON.stringify(key.slice(0, 80))} in the place of ${i}`;
    if (typeof value !== "string") return `no text for ${key}`;
    if (seen.has(value)) return `${JSON.stringify(value.slice(0, 80))} twice`;
    seen.add(value);
  }
  return undefined;
}
