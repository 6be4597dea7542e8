/** Writing files that are either complete or absent: under a temporary name in the same folder, then renamed. */

import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { readPieces } from "./read-file.js";
import { fileError, systemCode } from "./system-errors.js";
import { temporaryName } from "./temporary-files.js";

/**
 * Creates or replaces the file at `path` with the content that `write` writes. If `write` fails, no file remains and an old file at `path`
 * is unchanged.
 * @throws InputError if the folder is missing, read-only or full; what `write` throws otherwise
 *
 * @example
 * await writeAtomically("answers.json", (file) => file.writeFile(text));
 */
export async function writeAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(path), temporaryName(basename(path)));
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
    // If the path leads through a file, there is nothing to remove, and `rm` fails.
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw fileError(path, error, { action: "write" });
  }
}

/** An indented JSON document, atomically. */
export const writeJson = (path: string, content: object): Promise<void> =>
  writeAtomically(path, (handle) => handle.writeFile(`${JSON.stringify(content, null, 2)}\n`));

/** A small text file, atomically, and the folders above it. */
export async function writeText(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeAtomically(path, (handle) => handle.writeFile(text));
}

/** Copies a file, atomically. @throws InputError if it cannot be read or written */
export async function copyAtomically(from: string, to: string): Promise<void> {
  const bytes = readPieces(from);
  await writeAtomically(to, async (handle) => {
    for await (const piece of bytes) await handle.appendFile(piece);
  });
}

/**
 * Makes a folder and those above it, if they are missing. One by one, because Node's own recursive mkdir never returns when a file
 * system answers ENOENT below an existing folder, as /proc does.
 * @throws InputError if a folder cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path).catch(async (error: unknown) => {
      if (systemCode(error) !== "ENOENT" || dirname(path) === path) throw error;
      await makeFolder(dirname(path));
      await mkdir(path);
    });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    throw fileError(path, error, { action: "write", expected: "a folder that can be created" });
  }
}

/**
 * Makes names that were added, moved or removed in a folder outlast a power cut.
 * @throws InputError if the disk fails
 */
export async function syncFolder(folder: string): Promise<void> {
  // Windows does not open folders, and keeps names in its journal.
  if (process.platform === "win32") return;
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(folder, error, { action: "write", expected: "a folder that can be written" });
  }
}
