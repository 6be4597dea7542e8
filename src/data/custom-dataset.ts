/** Data sets that are no files: objects that a program gives, and modules that export one. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { disposable, type Dataset, type ImageSource, type RowTexts, type TextKind } from "./dataset.js";
import { InputError } from "../errors.js";

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
  readonly name?: string;
  /** A whole number, 1 or more. */
  readonly rows: number;
  /** The texts of a row. Kinds that are left out are empty. */
  texts(row: number): Partial<RowTexts>;
  /** One image, or the left and the right one of statements. */
  images(row: number): readonly ImageSource[];
  /** Called once by the code that opened the data set. `train` and `evaluate` do not close data sets that were passed in. */
  close?(): void | Promise<void>;
  /** How many texts of each kind each row has. [rows] each. By default all texts are read once, when the data set is opened. */
  readonly counts?: Dataset["counts"];
  readonly blocks?: Dataset["blocks"];
  readonly labelled?: Dataset["labelled"];
}

const textKinds: readonly TextKind[] = ["captions", "questions", "hypotheses", "statements", "negatives"];

/**
 * Whether a value has the members that every data set has.
 * @internal
 */
export const isCustomDataset = (value: unknown): value is CustomDataset =>
  typeof value === "object" &&
  value !== null &&
  ["texts", "images"].every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === "function");

/**
 * A data set from code with all that its readers need.
 * @throws InputError if its rows or counts are invalid
 * @internal
 */
export function completeDataset(given: CustomDataset, defaultName = "data set"): Dataset {
  const { rows, name = defaultName, blocks, labelled } = given;
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw new InputError({
      code: "invalid-dataset",
      where: `rows of ${name}`,
      expected: "a whole number, 1 or more",
      found: String(rows),
    });
  }
  const texts = (row: number) => completeTexts(given.texts(row));
  return disposable({
    name,
    rows,
    counts: given.counts === undefined ? countTexts(rows, texts) : checkedCounts(given.counts, rows, name),
    blocks,
    labelled,
    texts,
    images: (row) => given.images(row),
    close: async () => given.close?.(),
  });
}

/** Complete texts stay the same object: each of their kinds may be a getter, which a copy would call. */
function completeTexts(given: Partial<RowTexts>): RowTexts {
  if (textKinds.every((kind) => kind in given)) return given as RowTexts;
  return { captions: [], questions: [], hypotheses: [], statements: [], negatives: [], ...given };
}

function countTexts(rows: number, texts: (row: number) => RowTexts): Dataset["counts"] {
  const counts = Object.fromEntries(textKinds.map((kind) => [kind, new Uint32Array(rows)])) as Record<
    TextKind,
    Uint32Array
  >;
  for (let row = 0; row < rows; row++) {
    const found = texts(row);
    for (const kind of textKinds) counts[kind][row] = found[kind].length;
  }
  return counts;
}

function checkedCounts(counts: Dataset["counts"], rows: number, name: string): Dataset["counts"] {
  for (const kind of textKinds) {
    const count = (counts as Partial<Dataset["counts"]>)[kind];
    if (count instanceof Uint32Array && count.length === rows) continue;
    throw new InputError({
      code: "invalid-dataset",
      where: `counts.${kind} of ${name}`,
      expected: `a Uint32Array of ${rows}, a number for each row`,
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
  if (isCustomDataset(given)) return completeDataset(given, module);
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

/** Errors of the module are the user's to correct, like those of a file. */
function failure(where: string, expected: string, cause: unknown): unknown {
  if (cause instanceof InputError) return cause;
  const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new InputError({ code: "invalid-dataset", where, expected, found: found.replace(/\.$/, "") }, { cause });
}
