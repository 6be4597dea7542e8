/** Folders that `Dataset.save_to_disk` of Hugging Face datasets writes: the files of rows are listed in `state.json`. */

import { join } from "node:path";

import { InputError } from "../../errors.js";
import { isObject, readJsonIfPresent } from "../../files/index.js";

const maxBytes = 2 ** 24;

/**
 * The files of rows in the order of the data set; undefined if the folder has no `state.json` that lists files.
 * @throws InputError if rows are chosen by a file of indices, or a listed file is not in the folder
 */
export async function savedFiles(folder: string, names: readonly string[]): Promise<readonly string[] | undefined> {
  if (!names.includes("state.json")) return undefined;
  const path = join(folder, "state.json");
  const state = await readJsonIfPresent(path, { maxBytes });
  if (!isObject(state)) return undefined;
  const files = listedFiles(state["_data_files"]);
  if (files === undefined) return undefined;
  const indices = listedFiles(state["_indices_files"]) ?? listedFiles(state["_indices_data_files"]) ?? [];
  if (indices.length > 0) {
    throw new InputError({
      code: "unsupported-format",
      where: path,
      expected: "a data set without a file of indices",
      found: indices.join(", "),
      hint: "Call flatten_indices() before save_to_disk()",
    });
  }
  const missing = files.find((name) => !names.includes(name));
  if (missing === undefined) return files;
  throw new InputError({
    code: "file-not-found",
    where: path,
    expected: `the file ${JSON.stringify(missing)} beside it`,
    found: "none",
    hint: "Copy all files of the folder",
  });
}

/** File names in a list of `{"filename": …}`; undefined if there is no such list. */
function listedFiles(list: unknown): string[] | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const names = list.map((item: unknown) => (isObject(item) ? item["filename"] : undefined));
  return names.every((name) => typeof name === "string") ? names : undefined;
}
