/** The files of an open data set: few handles for any number of shards, and no read outside of a file. */

import { fileError, type FileState, readExactly, refuseStandIn, standInBytes, statRegular } from "../../files/index.js";
import { type FileHandle, open } from "node:fs/promises";
import { InputError } from "../../errors.js";

/** Far below the limits of systems for a process. */
const maxOpenFiles = 64;

/** Bytes. Pointers of Git LFS have less than 1,024; pages for signing in have some thousand. */
const maxStandIn = 2 ** 16;

/** A file that is read by ranges. */
export interface DataFile {
  /** The path as the user gave it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset` on, in their own memory.
   * @throws InputError if the range is outside of the file, or the file has changed or was removed
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

  /** @throws InputError if the file is missing, not regular, not readable, or a Git LFS pointer */
  async add(path: string): Promise<DataFile> {
    const { size, mtimeMs } = await statRegular(path);
    await refuseSmallStandIn(path, size, "a file of data");
    const read = (offset: number, length: number) => this.#read(path, { size, mtimeMs }, offset, length);
    return { name: path, size, read };
  }

  /** Closes all handles. Later reads fail. */
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
        hint: "Download or copy the file again: it is damaged or truncated",
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
        found: "a closed data set",
        hint,
      });
    }
    const slot = this.#slots.get(path) ?? { handle: reopen(path, known), users: 0 };
    slot.handle.catch(() => this.#slots.delete(path));
    this.#slots.delete(path);
    this.#slots.set(path, slot);
    for (const [old, { handle, users }] of this.#slots) {
      if (this.#slots.size <= maxOpenFiles) break;
      if (users > 0 || old === path) continue;
      this.#slots.delete(old);
      void handle.then((open) => open.close()).catch(() => undefined);
    }
    return slot;
  }
}

/** Offsets are those of the original file; in a changed one they would be wrong. */
async function reopen(path: string, known: FileState): Promise<FileHandle> {
  const { size, mtimeMs } = await statRegular(path);
  if (size !== known.size || mtimeMs !== known.mtimeMs) {
    const hint = "Start again, and do not change data files while they are in use";
    throw new InputError({
      code: "corrupt-file",
      where: path,
      expected: "the file that was opened",
      found: "a file that has changed",
      hint,
    });
  }
  return open(path, "r").catch((error: unknown) => {
    throw fileError(path, error);
  });
}

/** Size of a regular file in bytes. @throws InputError if there is none, or a Git LFS pointer in its place */
export async function fileSize(path: string): Promise<number> {
  const { size } = await statRegular(path);
  await refuseSmallStandIn(path, size, "a source file");
  return size;
}

/** No larger file is a pointer, and opening thousands of files to look takes time. */
async function refuseSmallStandIn(path: string, size: number, expected: string): Promise<void> {
  if (size < maxStandIn) refuseStandIn(await firstBytes(path, standInBytes), path, expected);
}

/** Up to `length` bytes from the start of a file. */
export async function firstBytes(path: string, length: number): Promise<Uint8Array> {
  try {
    const handle = await open(path, "r");
    try {
      const bytes = new Uint8Array(length);
      let filled = 0;
      for (let bytesRead = -1; filled < length && bytesRead !== 0; filled += bytesRead) {
        ({ bytesRead } = await handle.read(bytes, filled, length - filled, filled));
      }
      return bytes.subarray(0, filled);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(path, error);
  }
}
