/** Files that are either whole or absent: written under another name in the same folder, then renamed. */

import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { fileProblem } from "./open-file.js";

/**
 * Creates or replaces the file at `path` with what `write` puts into it. When `write` fails nothing is left behind and
 * an old file at `path` stays as it was.
 * @throws InputError when the folder is missing, read-only or full; what `write` throws otherwise.
 */
export async function writeAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
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
    await rm(unfinished, { force: true });
    throw fileProblem(path, error);
  }
}

/** A small text file, atomically, with the folders above it. */
export async function writeTextAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (handle) => handle.writeFile(text));
}
