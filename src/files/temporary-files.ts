/** Hidden names of files and folders that are being written. They name their process, so that only abandoned ones are removed. */

import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { type ProcessIdentity, stateOfTag, tagOf, tagPattern, thisProcess } from "./process-identity.js";
import { statIfPresent } from "./read-file.js";
import { fileError } from "./system-errors.js";

/** Whether a process of another machine runs is unknown: its file counts as abandoned when it has not changed for a day. */
const abandonedAfterMs = 24 * 60 * 60_000;
/** A file system allows 255 bytes a name, and a character takes up to three. */
const maxNameLength = 40;

/** A name beside `name` that no other call gets: `.<name>.<process>-<random>.tmp`. */
export const temporaryName = (name: string, owner?: ProcessIdentity): string =>
  `.${name.slice(0, maxNameLength)}.${uniqueTag(owner)}.tmp`;

/** A process, by default this one, and a random part, as text for a file name. */
export const uniqueTag = (owner: ProcessIdentity = thisProcess()): string =>
  `${tagOf(owner)}-${randomBytes(4).toString("hex")}`;

export const uniqueTagPattern = `(${tagPattern})-[0-9a-f]{8}`;

const pattern = new RegExp(`^\\.(.{1,${maxNameLength}})\\.${uniqueTagPattern}\\.tmp$`, "su");

/**
 * Whether the process that wrote a file is gone.
 * @param tag of that process
 * @param afterMs time without a change after which the file of another machine or container counts as abandoned. Default a day
 */
export async function isAbandoned(path: string, tag: string, afterMs: number = abandonedAfterMs): Promise<boolean> {
  const state = stateOfTag(tag);
  if (state !== "unknown") return state === "gone";
  const stats = await statIfPresent(path);
  return stats !== undefined && Date.now() - stats.mtimeMs > afterMs;
}

/**
 * Paths of temporary files and folders that a killed process left in `folder`.
 * @param name only those made by `temporaryName(name)`
 * @throws InputError if the folder cannot be read
 */
export async function abandonedIn(folder: string, name?: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw fileError(folder, error, { expected: "a folder that can be read" });
  });
  const found: string[] = [];
  for (const entry of entries) {
    const [, part, tag] = pattern.exec(entry) ?? [];
    if (tag === undefined || (name !== undefined && part !== name.slice(0, maxNameLength))) continue;
    const path = join(folder, entry);
    if (await isAbandoned(path, tag)) found.push(path);
  }
  return found;
}

/** Removes what `abandonedIn` finds; files of running processes stay. @throws InputError if one cannot be removed */
export async function removeAbandoned(folder: string, name?: string): Promise<void> {
  for (const path of await abandonedIn(folder, name)) {
    await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
      throw fileError(path, error, { action: "write", expected: "an unfinished file that can be removed" });
    });
  }
}
