/** Resolves the name of a model (a folder or a hub id) to a folder on this machine. */

import { stat } from "node:fs/promises";

import { InputError } from "../errors.js";
import type { HubOptions } from "./hub-settings.js";

/**
 * The folder of a model: an existing folder unchanged, a hub id (`org/name`) from the Hugging Face cache, which is
 * filled from the hub as needed. Without a network the newest complete snapshot of the revision is used.
 * @returns the folder's path
 * @throws InputError naming the model, what is missing and how to get it; the reason of `options.signal` when it is aborted
 *
 * @example
 * const folder = await resolveModel("BridgeTower/bridgetower-base", { signal: AbortSignal.timeout(600_000) });
 */
export async function resolveModel(idOrFolder: string, options: HubOptions = {}): Promise<string> {
  options.signal?.throwIfAborted();
  const kind = await kindOf(idOrFolder);
  if (kind === "folder") {
    if (options.revision === undefined) return idOrFolder;
    throw new InputError({
      code: "invalid-argument",
      where: "revision",
      expected: "the id of a model on the hub, as folders have no revisions",
      found: `the folder ${idOrFolder}`,
      hint: "Name a hub id, or leave the revision out",
    });
  }
  if (!/^[A-Za-z0-9][\w.-]{0,95}\/[\w][\w.-]{0,95}$/.test(idOrFolder)) {
    throw new InputError({
      code: "model-not-found",
      where: idOrFolder === "" ? "model" : idOrFolder,
      expected: "a model folder, or a hub id such as BridgeTower/bridgetower-base",
      found: kind === "file" ? "a file" : "no such folder",
      hint: kind === "file" ? "Name the folder that holds it" : "Check the path",
    });
  }
  // Loading the hub's code takes a tenth of a short command's time, and a folder does not need it.
  const { fetchModel } = await import("./hub.js");
  return fetchModel(idOrFolder, options);
}

async function kindOf(path: string): Promise<"folder" | "file" | "nothing"> {
  return stat(path).then(
    (stats) => (stats.isDirectory() ? "folder" : "file"),
    () => "nothing",
  );
}
