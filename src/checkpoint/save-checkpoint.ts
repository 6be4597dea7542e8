/** Writes a model folder in Hugging Face layout, which this package and transformers load. */
import { copyAtomically, isFile, makeFolder, removeAbandoned, temporaryName, writeJson } from "../files/index.js";
import { rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeSafetensors, type WritableTensor } from "./index.js";
import { InputError } from "../errors.js";
import { isHeadParameter } from "../model/index.js";
import { processorNames, smallFiles, tokenizerNames } from "./model-files.js";

export interface SavedCheckpoint {
  /** Content of `config.json`: a parsed config, or an object from JSON. */
  readonly config: object;
  /** By name without the prefix `bridgetower.`; bytes in memory, in another file or from a stream. */
  readonly parameters: ReadonlyMap<string, WritableTensor>;
  /** Further JSON files: file name -> content. */
  readonly documents?: Readonly<Record<string, object>>;
  /** Files to copy beside the weights, as `processorFiles` finds them: file name -> path. */
  readonly files?: ReadonlyMap<string, string>;
}

/** The tokenizer's files in a model folder: file name -> path. */
export const tokenizerFiles = (folder: string): Promise<ReadonlyMap<string, string>> => present(folder, tokenizerNames);

/** Files for images, texts and answers in a model folder: file name -> path. */
export const processorFiles = (folder: string): Promise<ReadonlyMap<string, string>> => present(folder, processorNames);

async function present(folder: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    const path = join(folder, name);
    if (await isFile(path)) found.set(name, path);
  }
  return found;
}

/**
 * Writes `model.safetensors`, `config.json` and the other given files into `folder`, which is made if missing; files of these names are
 * replaced, and files of another model (tokenizer, image settings, answers) are removed. All are written under other names first, so
 * that a failure leaves the folder unchanged. A process that is killed while it moves them leaves no `config.json`: no folder holds a
 * model of mixed files.
 * @param options signal: stops before the files are moved, and leaves the folder unchanged
 * @returns the paths written
 * @throws InputError if the folder cannot be written; `signal.reason` when aborted
 * @example
 * import { mkdtemp, readFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { basename, join } from "node:path";
 *
 * const config = parseConfig(JSON.parse(await readFile("models/emoji/config.json", "utf8")));
 * const { used } = parameterList(config, ["itm"]);
 * const initialize = initializer(config, "transformers", new Random(0));
 * const values = new Map(used.map((one) => [one.name, initialize(one)]));
 * const parameters = new Map(
 *   used.map(({ name, shape }) => [name, { dtype: "float32", shape: shape.map(Number), data: values.get(name)! } as const]),
 * );
 * const written = await saveCheckpoint(await mkdtemp(join(tmpdir(), "model-")), { config, parameters });
 * console.log(written.map((path) => basename(path))); // [ 'model.safetensors', 'config.json' ]
 */
export async function saveCheckpoint(
  folder: string,
  { config, parameters, documents = {}, files = new Map<string, string>() }: SavedCheckpoint,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  const names = ["model.safetensors", ...files.keys(), ...Object.keys(documents), "config.json"];
  signal?.throwIfAborted();
  const isNew = (await stat(folder).catch(() => undefined)) === undefined;
  await makeFolder(folder);
  await checkReplaceable(folder, names);
  await removeAbandoned(folder, temporaryPart);
  const unfinished = join(folder, temporaryName(temporaryPart));
  try {
    await makeFolder(unfinished);
    await writeSafetensors(join(unfinished, "model.safetensors"), named(parameters), { signal });
    for (const [name, path] of files) await copyAtomically(path, join(unfinished, name));
    for (const [name, content] of Object.entries({ ...documents, "config.json": config })) {
      await writeJson(join(unfinished, name), content);
    }
    signal?.throwIfAborted();
    await replaceFiles(folder, unfinished, names);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Only if nothing is in it.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
  await rm(unfinished, { recursive: true, force: true });
  return names.map((name) => join(folder, name));
}

const temporaryPart = "saving";

/**
 * Moves complete files into their places. The old config is removed first and the new one is moved last: a folder without it is no model.
 */
async function replaceFiles(folder: string, unfinished: string, names: readonly string[]): Promise<void> {
  const old = join(unfinished, "replaced");
  await makeFolder(old);
  const [removed, placed]: [string[], string[]] = [[], []];
  try {
    for (const name of new Set([...smallFiles, ...names])) {
      if (!(await isFile(join(folder, name)))) continue;
      await rename(join(folder, name), join(old, name));
      removed.push(name);
    }
    for (const name of names) {
      await rename(join(unfinished, name), join(folder, name));
      placed.push(name);
    }
  } catch (error) {
    for (const name of placed.reverse()) await rm(join(folder, name), { force: true });
    for (const name of removed.reverse()) await rename(join(old, name), join(folder, name));
    throw error;
  }
}

function named(parameters: ReadonlyMap<string, WritableTensor>): Map<string, WritableTensor> {
  return new Map(
    [...parameters].map(([name, tensor]) => [isHeadParameter(name) ? name : `bridgetower.${name}`, tensor]),
  );
}

async function checkReplaceable(folder: string, names: readonly string[]): Promise<void> {
  const found = (await stat(folder)).isDirectory() ? undefined : "a file";
  if (found !== undefined)
    throw new InputError({
      code: "file-not-writable",
      where: folder,
      expected: "a folder",
      found,
      hint: "Name another",
    });
  for (const name of names) {
    const there = await stat(join(folder, name)).catch(() => undefined);
    if (there === undefined || there.isFile()) continue;
    const where = join(folder, name);
    throw new InputError({
      code: "file-not-writable",
      where,
      expected: "a file to write",
      found: "a folder",
      hint: "Name another output folder",
    });
  }
}
