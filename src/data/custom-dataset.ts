/** Data sets that are no files: objects that a program gives, and modules that export one. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { described, objectType, stringType, wholeNumber, withMethods, type ArgumentType } from "../arguments.js";
import { InputError } from "../errors.js";
import { guarded, sourceType, type Dataset, type ImageSource, type RowTexts, type TextKind } from "./dataset.js";

/**
 * A data set written in code. Rows are numbered from 0. A row may be made on demand. It must be the same each time, because a resumed run
 * reads it again.
 * @example
 * const dataset: CustomDataset = {
 *   rows: 1,
 *   images: () => [{ name: "dog.jpg", read: () => readFile("dog.jpg") }],
 *   texts: () => ({ captions: ["a dog on a beach"] }),
 * };
 */
export interface CustomDataset {
  /** In messages and, of a second validation set, in the names of results. Default "data set". */
  readonly name?: string | undefined;
  /** A whole number, 1 or more. */
  readonly rows: number;
  /** The texts of a row. Kinds that are left out are empty. */
  texts(row: number): Partial<RowTexts>;
  /** One image, or the left and the right one of statements. */
  images(row: number): readonly ImageSource[];
  /** Called once by the code that opened the data set. `train` and `evaluate` do not close data sets that were passed in. */
  close?(): void | Promise<void>;
  /** How many texts of each kind each row has. [rows] each. By default all texts are read once, when the data set is opened. */
  readonly counts?: Dataset["counts"] | undefined;
  readonly blocks?: Dataset["blocks"] | undefined;
  readonly labelled?: Dataset["labelled"] | undefined;
}

const textKinds: readonly TextKind[] = ["captions", "questions", "hypotheses", "statements", "negatives"];

const customDataset = withMethods("a data set with rows, texts and images", ["texts", "images"]);

/**
 * Whether a value has the members that every data set has.
 * @internal
 */
export const isCustomDataset = (value: unknown): value is CustomDataset => customDataset.accepts(value);

/**
 * A data set from code with all that its readers need. What its `texts` and `images` give is checked.
 * @throws InputError if it is no data set, or its rows or counts are invalid
 * @internal
 */
export function completeDataset(given: CustomDataset, defaultName = "data set"): Dataset {
  check("data", given, customDataset);
  const { rows, name = defaultName, blocks, labelled } = given;
  check("name of the data set", name, stringType);
  check(`rows of ${name}`, rows, wholeNumber(1));
  const texts = (row: number) => completeTexts(given.texts(row), `row ${row} of ${name}`);
  return guarded({
    name,
    rows,
    counts: given.counts === undefined ? countTexts(rows, texts, name) : checkedCounts(given.counts, rows, name),
    blocks,
    labelled,
    texts,
    images: (row) => checkedImages(given.images(row), `row ${row} of ${name}`),
    close: async () => given.close?.(),
  });
}

/** @throws InputError `invalid-dataset` if the value is not of the type */
function check(where: string, value: unknown, { accepts, expected }: ArgumentType): void {
  if (!accepts(value)) throw new InputError({ code: "invalid-dataset", where, expected, found: described(value) });
}

const textOf = (field: string): ArgumentType => ({
  expected: `an object with a string as ${field}`,
  accepts: (value) => typeof (Object(value) as Readonly<Record<string, unknown>>)[field] === "string",
});

const question: ArgumentType = {
  expected: "an object with a string as question and an array of { answer, score } as answers",
  accepts: (value) => {
    const { answers } = Object(value) as { readonly answers?: unknown };
    return textOf("question").accepts(value) && Array.isArray(answers) && answers.every(isAnswer);
  },
};

function isAnswer(value: unknown): boolean {
  const { answer, score } = Object(value) as Readonly<Record<string, unknown>>;
  return typeof answer === "string" && typeof score === "number";
}

const textTypes: Readonly<Record<TextKind, ArgumentType>> = {
  captions: stringType,
  questions: question,
  hypotheses: textOf("text"),
  statements: textOf("text"),
  negatives: textOf("text"),
};

function checkTexts(kind: TextKind, list: unknown, where: string): void {
  check(`${kind} of ${where}`, list, { expected: "an array", accepts: Array.isArray });
  for (const [i, text] of (list as unknown[]).entries()) check(`${kind}[${i}] of ${where}`, text, textTypes[kind]);
}

/** Complete texts stay the same object. Each of their kinds may be a getter, which is not called here. */
function completeTexts(given: Partial<RowTexts>, where: string): RowTexts {
  check(`texts of ${where}`, given, objectType);
  for (const kind of textKinds) {
    const list: unknown = Object.getOwnPropertyDescriptor(given, kind)?.value;
    if (list !== undefined) checkTexts(kind, list, where);
  }
  if (textKinds.every((kind) => kind in given)) return given as RowTexts;
  return { captions: [], questions: [], hypotheses: [], statements: [], negatives: [], ...given };
}

function checkedImages(images: unknown, where: string): readonly ImageSource[] {
  check(`images of ${where}`, images, {
    expected: "an array with at least one image",
    accepts: (value) => Array.isArray(value) && value.length > 0,
  });
  for (const [i, image] of (images as unknown[]).entries()) check(`images[${i}] of ${where}`, image, sourceType);
  return images as readonly ImageSource[];
}

function countTexts(rows: number, texts: (row: number) => RowTexts, name: string): Dataset["counts"] {
  const counts = Object.fromEntries(textKinds.map((kind) => [kind, new Uint32Array(rows)])) as Record<
    TextKind,
    Uint32Array
  >;
  for (let row = 0; row < rows; row++) {
    const found = texts(row);
    for (const kind of textKinds) {
      const list = found[kind];
      checkTexts(kind, list, `row ${row} of ${name}`);
      counts[kind][row] = list.length;
    }
  }
  return counts;
}

function checkedCounts(counts: Dataset["counts"], rows: number, name: string): Dataset["counts"] {
  check(`counts of ${name}`, counts, objectType);
  for (const kind of textKinds) {
    const count = (counts as Partial<Dataset["counts"]>)[kind];
    if (count instanceof Uint32Array && count.length === rows) continue;
    throw new InputError({
      code: "invalid-dataset",
      where: `counts.${kind} of ${name}`,
      expected: `a Uint32Array of ${rows}, one number per row`,
      found: count === undefined ? "none" : `${count.constructor.name} of ${count.length}`,
      hint: "Leave out counts to have the texts counted",
    });
  }
  return counts;
}

/** A data set that a JavaScript module exports. */
export interface ModuleSource {
  /** Path of the module. Its default export is a data set, or a function that gives one. */
  readonly module: string;
  /** The argument of the function. */
  readonly options?: unknown;
}

/**
 * The module that JSON such as `{"module": "./scenes.js", "options": {}}` names; undefined for other texts, as paths are.
 * @internal
 */
export function parseModuleSource(text: string): ModuleSource | undefined {
  if (!text.startsWith("{")) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A pattern of shards begins with a brace, too.
    return undefined;
  }
  const { module, options, ...others } = json as Readonly<Record<string, unknown>>;
  const [other] = Object.keys(others);
  if (typeof module === "string" && other === undefined) return { module, options };
  throw new InputError({
    code: "invalid-setting",
    where: text,
    expected: "JSON with the path of a module, and options for its function",
    found: other === undefined ? `${typeof module} as module` : `the unknown name ${JSON.stringify(other)}`,
  });
}

/**
 * @throws InputError always: settings may name a module only if the user has allowed it
 * @internal
 */
export function refuseModule({ module }: ModuleSource, where: string): never {
  throw new InputError({
    code: "invalid-setting",
    where,
    expected: "a path of data, because importing a module runs its code",
    found: `the module ${JSON.stringify(module)}`,
    hint: "Add --allow-modules if you trust it; in code, set modulesFrom",
  });
}

/**
 * Imports a module and opens the data set that it exports.
 * @param folder relative paths start from it
 * @throws InputError if the module cannot be imported or exports no data set
 * @internal
 */
export async function openModule({ module, options }: ModuleSource, folder: string): Promise<Dataset> {
  const path = isAbsolute(module) ? module : resolve(folder, module);
  const exported = await importDefault(path);
  const given: unknown =
    typeof exported === "function" ? await call(exported as (options: unknown) => unknown, options, path) : exported;
  if (isCustomDataset(given)) return completeDataset(ofModule(given, path), module);
  throw new InputError({
    code: "invalid-dataset",
    where: path,
    expected: "a data set with rows, texts and images as the default export, or a function that returns one",
    found: given === null ? "null" : typeof given,
  });
}

async function importDefault(path: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default;
  } catch (cause) {
    throw failure(path, "a module that can be imported", cause);
  }
}

async function call(make: (options: unknown) => unknown, options: unknown, path: string): Promise<unknown> {
  try {
    return await make(options);
  } catch (cause) {
    throw failure(path, "a function that gives a data set", cause);
  }
}

/** Errors that a row of a module throws name the row. */
function ofModule(given: CustomDataset, path: string): CustomDataset {
  const called = <T>(row: number, expected: string, act: () => T): T => {
    try {
      return act();
    } catch (cause) {
      throw failure(`row ${row} of ${path}`, expected, cause);
    }
  };
  return {
    // Members of a class are not copied.
    name: given.name,
    rows: given.rows,
    counts: given.counts,
    blocks: given.blocks,
    labelled: given.labelled,
    close: () => given.close?.(),
    texts: (row) => called(row, "texts that can be read", () => given.texts(row)),
    images: (row) => called(row, "images that can be listed", () => given.images(row)),
  };
}

/** Errors of the module are the user's to correct, like those of a file. */
function failure(where: string, expected: string, cause: unknown): unknown {
  if (cause instanceof InputError) return cause;
  const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new InputError({ code: "invalid-dataset", where, expected, found: found.replace(/\.$/, "") }, { cause });
}
