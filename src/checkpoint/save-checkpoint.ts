/** Writes a model folder in Hugging Face layout, which this package and transformers load. */
import { copyAtomically, isFile, replaceFiles, writeJson } from "../files/index.js";
import { join } from "node:path";
import { writeSafetensors, type WritableTensor } from "./index.js";
import { isHeadParameter } from "../model/index.js";
import { modelFiles, processorNames, tokenizerNames } from "./model-files.js";

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
 * replaced, and files of another model (tokenizer, image settings, answers) are removed, as `replaceFiles` does it: a failure leaves the
 * folder unchanged, and at no moment does it hold a model of mixed files.
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
  const order = modelFiles([...files.keys(), ...Object.keys(documents)]);
  const write = async (unfinished: string) => {
    await writeSafetensors(join(unfinished, "model.safetensors"), named(parameters), { signal });
    for (const [name, path] of files) await copyAtomically(path, join(unfinished, name));
    for (const [name, content] of Object.entries({ ...documents, "config.json": config })) {
      await writeJson(join(unfinished, name), content);
    }
  };
  const written = await replaceFiles(folder, order, write, { signal });
  return written.map((name) => join(folder, name));
}

function named(parameters: ReadonlyMap<string, WritableTensor>): Map<string, WritableTensor> {
  return new Map(
    [...parameters].map(([name, tensor]) => [isHeadParameter(name) ? name : `bridgetower.${name}`, tensor]),
  );
}
