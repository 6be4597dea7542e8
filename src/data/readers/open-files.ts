/** Files that stay open while a data set is: few handles for any number of shards, and every read inside the file. */

import { fileError, readExactly } from "../../files/index.js";
import { type FileHandle, open, stat } from "node:fs/promises";
import { InputError } from "../../errors.js";

/** Handles kept open; far below the limit that systems set for a process. */
const maxHandles = 64;

/** A file read by ranges, as opening found it. */
export interface DataFile {
  /** The path as the user knows it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset` on, in memory of their own.
   * @throws InputError when the range is not inside the file, or the file has changed or gone.
   */
  readonly read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;
}

interface Slot {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** The files of one data set. */
export class OpenFiles {
  /** Least recently used first. */
  readonly #slots = new Map<string, Slot>();
  #closed = false;

  /** @throws InputError when the file is missing, is no regular file or cannot be read */
  async add(path: string): Promise<DataFile> {
    const { size, mtimeMs } = await statRegular(path);
    const read = (offset: number, length: number) => this.#read(path, { size, mtimeMs }, offset, length);
    return { name: path, size, read };
  }

  /** Closes all handles; reads that come later fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.all(slots.map(async ({ handle }) => (await handle.catch(() => undefined))?.close()));
  }

  async #read(path: string, known: FileState, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset < 0 || length < 0 || !(offset + length <= known.size)) {
      throw new InputError({
        code: "corrupt-file",
        where: path,
        expected: `${length} bytes at offset ${offset}`,
        found: `a file of ${known.size} bytes`,
        hint: "Fetch or copy the file again: it is damaged or was cut short",
      });
    }
    const slot = this.#slot(path, known);
    slot.users++;
    try {
      return await readExactly(await slot.handle, path, offset, length);
    } catch (error) {
      throw fileError(path, error);
    } finally {
      slot.users--;
    }
  }

  #slot(path: string, known: FileState): Slot {
    if (this.#closed) {
      const hint = "Read images before closing the data set";
      throw new InputError({
        code: "disposed",
        where: path,
        expected: "an open data set",
        found: "one that was closed",
        hint,
      });
    }
    const slot = this.#slots.get(path) ?? { handle: reopen(path, known), users: 0 };
    slot.handle.catch(() => this.#slots.delete(path));
    this.#slots.delete(path);
    this.#slots.set(path, slot);
    for (const [old, { handle, users }] of this.#slots) {
      if (this.#slots.size <= maxHandles) break;
      if (users > 0 || old === path) continue;
      this.#slots.delete(old);
      void handle.then((open) => open.close()).catch(() => undefined);
    }
    return slot;
  }
}

interface FileState {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Size and time of a regular file. Asked before opening, because opening a pipe waits for somebody to write to it. */
export async function statRegular(path: string): Promise<FileState> {
  const stats = await stat(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  if (!stats.isFile()) {
    const found = stats.isDirectory() ? "a folder" : "something that is not a regular file";
    throw new InputError({ code: "file-unreadable", where: path, expected: "a file", found, hint: "Check the path" });
  }
  return { size: stats.size, mtimeMs: stats.mtimeMs };
}

/** Offsets were taken from the file as it was: another one under the same name would be read at the wrong places. */
async function reopen(path: string, known: FileState): Promise<FileHandle> {
  const { size, mtimeMs } = await statRegular(path);
  if (size !== known.size || mtimeMs !== known.mtimeMs) {
    const hint = "Start again, and leave data files alone while they are in use";
    throw new InputError({
      code: "corrupt-file",
      where: path,
      expected: "the file that was opened",
      found: "one that has changed",
      hint,
    });
  }
  return open(path, "r");
}
