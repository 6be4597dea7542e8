/**
 * Replacing files that belong together, such as those of a model, as a whole.
 *
 * The files of a set have an order: a file is read only together with those before it, so without its last file a folder has no set. New
 * files are written into a hidden folder first. Then the old ones are moved away, the last of the set first, and the new ones are moved
 * into place, the last one last: at no moment can a reader combine old and new files. If a move fails, the old files are restored. If the
 * process is killed between the moves, the next replacement in this folder completes them. See docs/decisions/0034-file-sets.md.
 */

import { mkdir, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import { isObject, readJsonIfPresent } from "./json.js";
import { isFile, isFolder, statIfPresent } from "./read-file.js";
import { fileError, underFinalName } from "./system-errors.js";
import { abandonedIn, removeAbandoned, temporaryName } from "./temporary-files.js";
import { makeFolder, syncFolder, writeJson } from "./write-file.js";

const temporaryPart = "replacing";
const journalName = "journal.json";
const newName = "new";
const oldName = "old";
/** Bytes; larger files are not compared with those that they replace. */
const maxComparedBytes = 2 ** 20;

export interface ReplaceOptions {
  /** Stops before the files are moved, and leaves the folder unchanged. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Replaces the files of a set in `folder`, which is made if it is missing. Files of the set that are not written again are removed; all
 * others stay. A failure leaves the folder as it was.
 * @param order names that the set can have; the file that makes the set complete is the last one
 * @param write writes files of these names into the folder that it is given
 * @returns the names that were written, in their order
 * @throws InputError if the folder cannot be written; `signal.reason` when aborted; what `write` throws
 *
 * @example
 * await replaceFiles("model", ["model.safetensors", "tokenizer.json", "config.json"], async (unfinished) => {
 *   await writeWeights(join(unfinished, "model.safetensors"));
 *   await writeJson(join(unfinished, "config.json"), config);
 * });
 */
export async function replaceFiles(
  folder: string,
  order: readonly string[],
  write: (unfinished: string) => Promise<unknown>,
  { signal }: ReplaceOptions = {},
): Promise<string[]> {
  signal?.throwIfAborted();
  const isNew = (await statIfPresent(folder)) === undefined;
  await makeFolder(folder);
  await checkReplaceable(folder, order);
  const unfinished = join(folder, temporaryName(temporaryPart));
  const [written, replaced] = [join(unfinished, newName), join(unfinished, oldName)];
  try {
    await completeReplacements(folder);
    for (const path of [unfinished, written, replaced]) await onDisk(path, () => mkdir(path));
    await write(written);
    signal?.throwIfAborted();
    const names = inOrder(await onDisk(written, () => readdir(written)), order);
    await moveIntoPlace(folder, unfinished, { order, names });
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    return names;
  } catch (error) {
    // A journal that is still there says that the old files could not be restored: the next replacement completes this one.
    if (!(await isFile(join(unfinished, journalName)).catch(() => true))) {
      await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    }
    // Only if nothing is in it.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw underFinalName(underFinalName(error, written, folder), unfinished, folder);
  }
}

interface Journal {
  readonly order: readonly string[];
  /** Names of the new files. */
  readonly names: readonly string[];
}

function inOrder(names: readonly string[], order: readonly string[]): string[] {
  const unknown = names.find((name) => !order.includes(name));
  if (unknown !== undefined) throw new RangeError(`replaceFiles: ${unknown} is not a file of the set`);
  return order.filter((name, i) => names.includes(name) && order.indexOf(name) === i);
}

async function moveIntoPlace(folder: string, unfinished: string, journal: Journal): Promise<void> {
  const { order, names } = journal;
  const written = join(unfinished, newName);
  const existing = await filesIn(folder, order);
  const changed: string[] = [];
  for (const name of names) if (!(await isSame(join(written, name), join(folder, name)))) changed.push(name);
  if (existing.every((name) => names.includes(name)) && changed.length <= 1) {
    // One step: readers always find a complete set.
    for (const name of changed) await move(join(written, name), join(folder, name));
    await syncFolder(folder);
    return;
  }
  const journalFile = join(unfinished, journalName);
  try {
    await writeJson(journalFile, journal);
    await syncFolder(unfinished);
    await exchange(folder, unfinished, journal);
  } catch (error) {
    await restore(folder, unfinished, journal);
    throw error;
  }
  await rm(journalFile, { force: true }).catch(() => undefined);
}

/** Moves old files away and new ones into place; those that an earlier call has moved are left where they are. */
async function exchange(folder: string, unfinished: string, { order, names }: Journal): Promise<void> {
  const [written, replaced] = [join(unfinished, newName), join(unfinished, oldName)];
  const waiting = new Set(await filesIn(written, names));
  const isPlaced = (name: string) => names.includes(name) && !waiting.has(name);
  for (const name of (await filesIn(folder, order)).reverse()) {
    if (!isPlaced(name)) await move(join(folder, name), join(replaced, name));
  }
  await syncFolder(folder);
  for (const name of names) if (waiting.has(name)) await move(join(written, name), join(folder, name));
  await syncFolder(folder);
}

/** Moves the new files back and the old ones into their places, and removes the journal. */
async function restore(folder: string, unfinished: string, { order, names }: Journal): Promise<void> {
  const [written, replaced] = [join(unfinished, newName), join(unfinished, oldName)];
  try {
    const waiting = await filesIn(written, names);
    for (const name of names.filter((one) => !waiting.includes(one)).reverse()) {
      await rename(join(folder, name), join(written, name));
    }
    for (const name of await filesIn(replaced, order)) await rename(join(replaced, name), join(folder, name));
    await rm(join(unfinished, journalName), { force: true });
  } catch {
    // The error that started this is the one to report.
  }
}

/**
 * Completes the replacements of processes that were killed between two moves, and removes what they left before that.
 * @throws InputError if a file cannot be moved
 */
export async function completeReplacements(folder: string): Promise<void> {
  for (const unfinished of await abandonedIn(folder, temporaryPart)) {
    const journal = asJournal(await readJsonIfPresent(join(unfinished, journalName)).catch(() => undefined));
    if (journal !== undefined) await exchange(folder, unfinished, journal);
  }
  await removeAbandoned(folder, temporaryPart);
}

/** Undefined for anything else than plain file names: the folder may come from somebody else. */
function asJournal(value: unknown): Journal | undefined {
  if (!isObject(value)) return undefined;
  const { order, names } = value;
  return isNames(order) && isNames(names) ? { order, names } : undefined;
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === "string" && /^[^./\\][^/\\]{0,254}$/.test(name));

/** The names, in their order, that are regular files in the folder. */
async function filesIn(folder: string, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of new Set(names)) if (await isFile(join(folder, name))) found.push(name);
  return found;
}

/** Whether two files are the same, or small and equal. */
async function isSame(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map(statIfPresent));
  if (one === undefined || other === undefined || one.size !== other.size) return false;
  if (one.ino !== 0 && one.ino === other.ino && one.dev === other.dev) return true;
  if (one.size > maxComparedBytes) return false;
  const [bytes, others] = await Promise.all([a, b].map((path) => onDisk(path, () => readFile(path))));
  return bytes!.equals(others!);
}

const move = (from: string, to: string): Promise<void> => onDisk(to, () => rename(from, to));

async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileError(path, error, { action: "write" });
  }
}

async function checkReplaceable(folder: string, names: readonly string[]): Promise<void> {
  const refused = (where: string, expected: string, found: string, hint: string) =>
    new InputError({ code: "file-not-writable", where, expected, found, hint });
  if (!(await isFolder(folder))) {
    throw refused(folder, "a folder", "a file", "Choose another");
  }
  for (const name of names) {
    const path = join(folder, name);
    const existing = await statIfPresent(path);
    if (existing === undefined || existing.isFile()) continue;
    throw refused(path, "a file to write", "a folder", "Choose another output folder");
  }
}
