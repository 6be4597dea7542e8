/** Files that are either whole or absent: written under another name in the same folder, then renamed. */

import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { errorCode, fileProblem } from "./open-file.js";

const writable = "a file that can be written";

/**
 * Creates or replaces the file at `path` with what `write` puts into it. When `write` fails nothing is left behind and
 * an old file at `path` stays as it was.
 * @throws InputError when the folder is missing, read-only or full; what `write` throws otherwise.
 */
export async function writeAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  // A part of the name tells whose file was left behind by a power cut; all of it could be too long with what is added.
  const part = basename(path).slice(0, 40);
  const unfinished = join(dirname(path), `.${part}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(unfinished, "wx");
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    // Where the path leads through a file, there is nothing to remove and no way to ask.
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw fileProblem(path, error, writable, "file-not-writable");
  }
}

/**
 * Makes a folder, with those above it, unless it is there. One by one, because Node's own recursive mkdir never returns
 * where a file system answers ENOENT below a folder that is there, as /proc does.
 * @throws InputError when a folder cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path).catch(async (error: unknown) => {
      if (errorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
      await makeFolder(dirname(path));
      await mkdir(path);
    });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw fileProblem(path, error, "a folder that can be made", "file-not-writable");
  }
}

/** A document for people too, indented, atomically. */
export const writeJson = (path: string, content: object): Promise<void> =>
  writeAtomically(path, (handle) => handle.writeFile(`${JSON.stringify(content, null, 2)}\n`));

/** A small text file, atomically, with the folders above it. */
export async function writeTextAtomically(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeAtomically(path, (handle) => handle.writeFile(text));
}
