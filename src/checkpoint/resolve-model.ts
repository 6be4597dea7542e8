/** Resolves the name of a model (a folder or a hub id) to a folder on this machine. */

import { stat } from "node:fs/promises";

import { checkArgument, stringType } from "../arguments.js";
import { InputError } from "../errors.js";
import { fileError, systemCode } from "../files/index.js";
import type { HubOptions } from "./hub-settings.js";

/**
 * The folder of a model: an existing folder unchanged, a hub id (`org/name`) from the Hugging Face cache, which is
 * filled from the hub as needed. If the hub does not give the model, the snapshot in the cache is used, with a warning.
 * @returns the folder's path
 * @throws InputError naming the model, what is missing and how to get it; the reason of `options.signal` when it is aborted
 *
 * @example
 * const folder = await resolveModel("BridgeTower/bridgetower-base", { signal: AbortSignal.timeout(600_000) });
 */
export async function resolveModel(idOrFolder: string, options: HubOptions = {}): Promise<string> {
  checkArgument("model", idOrFolder, {
    ...stringType,
    expected: "the path of a model folder or a hub id, as a string",
  });
  options.signal?.throwIfAborted();
  const kind = await kindOf(idOrFolder);
  if (kind === "folder") {
    if (options.revision === undefined) return idOrFolder;
    throw new InputError({
      code: "invalid-argument",
      where: "revision",
      expected: "the id of a model on the hub, as folders have no revisions",
      found: `the folder ${idOrFolder}`,
      hint: "Pass a hub id, or leave the revision out",
    });
  }
  if (!/^[A-Za-z0-9][\w.-]{0,95}\/[\w][\w.-]{0,95}$/.test(idOrFolder)) {
    const [, id] = /^https?:\/\/[^/]+\/([^/]+\/[^/?#]+)/.exec(idOrFolder) ?? [];
    throw new InputError({
      code: "model-not-found",
      where: idOrFolder === "" ? "model" : idOrFolder,
      expected: "a model folder, or a hub id such as BridgeTower/bridgetower-base",
      found: kind === "file" ? "a file" : id === undefined ? "no such folder" : "an address",
      hint:
        kind === "file" ? "Pass the folder that holds it" : id === undefined ? "Check the path" : `Give ${id} alone`,
    });
  }
  // Loading the hub's code takes a tenth of a short command's time, and a folder does not need it.
  const { fetchModel } = await import("./hub.js");
  return fetchModel(idOrFolder, options);
}

/** Undefined if there is neither. @throws InputError if a folder above may not be read */
async function kindOf(path: string): Promise<"folder" | "file" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EIO") throw fileError(path, error, { expected: "a folder that can be read" });
    return undefined;
  }
}
