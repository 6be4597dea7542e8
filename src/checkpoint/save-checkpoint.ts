/** Writes a model folder in Hugging Face layout, which this package and transformers load. */
import { makeFolder, writeAtomically, writeJson } from "../files/index.js";
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeSafetensors, type WritableTensor } from "./index.js";
import { InputError } from "../errors.js";
import { isHeadParameter } from "../model/index.js";

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

const tokenizerNames = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
] as const;
const processorNames = [
  "preprocessor_config.json",
  "processor_config.json",
  ...tokenizerNames,
  "answers.json",
] as const;

/** The tokenizer's files in a model folder: file name -> path. */
export const tokenizerFiles = (folder: string): Promise<ReadonlyMap<string, string>> => present(folder, tokenizerNames);

/** Files for images, texts and answers in a model folder: file name -> path. */
export const processorFiles = (folder: string): Promise<ReadonlyMap<string, string>> => present(folder, processorNames);

async function present(folder: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path).catch(() => undefined))?.isFile() === true) found.set(name, path);
  }
  return found;
}

/**
 * Writes `model.safetensors`, `config.json` and what else is given into `folder`, which is made where missing; files of
 * these names are replaced. All are written under other names first, so that a failure leaves the folder as it was.
 * @returns the paths written
 * @throws InputError when the folder cannot be written
 */
export async function saveCheckpoint(
  folder: string,
  { config, parameters, documents = {}, files = new Map<string, string>() }: SavedCheckpoint,
): Promise<string[]> {
  // The config comes last: a folder without it is no model.
  const names = ["model.safetensors", ...files.keys(), ...Object.keys(documents), "config.json"];
  const isNew = (await stat(folder).catch(() => undefined)) === undefined;
  await makeFolder(folder);
  await checkReplaceable(folder, names);
  const unfinished = join(folder, `.saving-${randomBytes(6).toString("hex")}`);
  try {
    await makeFolder(unfinished);
    await writeSafetensors(join(unfinished, "model.safetensors"), named(parameters));
    for (const [name, path] of files) {
      await writeAtomically(join(unfinished, name), async (file) => file.writeFile(await readFile(path)));
    }
    for (const [name, content] of Object.entries({ ...documents, "config.json": config })) {
      await writeJson(join(unfinished, name), content);
    }
    for (const name of names) await rename(join(unfinished, name), join(folder, name));
    await rm(unfinished, { recursive: true });
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Only where nothing is in it.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
  return names.map((name) => join(folder, name));
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
