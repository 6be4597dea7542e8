/** Files opened for bounded reads: every failure that a user can cause comes out as one line that names the file. */

import { type FileHandle, open, realpath, stat } from "node:fs/promises";

import { InputError } from "../errors.js";

/** Node reads at most 2^31 - 1 bytes a call. */
const maxRead = 2 ** 30;

export interface OpenFile {
  /** The path as the user knows it, for messages. */
  readonly name: string;
  /** Absolute path with symbolic links resolved. */
  readonly path: string;
  /** Bytes in the file when it was opened. */
  readonly size: number;
  /** Exactly `length` bytes from `offset` on, in memory of their own. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
}

/**
 * Opens `name`, hands it to `use` and closes it again.
 * @throws InputError when it is missing, not a regular file or not readable.
 */
export async function withFile<T>(name: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const { handle, path } = await openRegular(name);
  try {
    const { size } = await handle.stat();
    const read = (offset: number, length: number) => readExactly(handle, name, offset, length);
    return await use({ name, path, size, read });
  } catch (error) {
    throw fileProblem(name, error);
  } finally {
    await handle.close();
  }
}

/**
 * The error of a system call as an InputError about `name`; any other error as it is.
 * @param otherwise its code where the system's error says nothing more exact
 */
export function fileProblem(
  name: string,
  error: unknown,
  wanted = "a file that can be opened",
  otherwise: "file-unreadable" | "file-not-writable" = "file-unreadable",
): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof InputError) return error;
  const known: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EISDIR: "a folder",
    ENOTDIR: "a path that leads through a file",
    ELOOP: "symbolic links in a circle",
    EACCES: "a file that this user may not open",
    EPERM: "a file that this user may not open",
    ENOSPC: "a full disk",
    EROFS: "a disk that is read-only",
    ENAMETOOLONG: "a path that is too long",
    EMFILE: "too many files open already",
  };
  const expected = code === "ENOSPC" || code === "EROFS" ? "room to write" : wanted;
  const found = known[code] ?? `system error ${code}`;
  return new InputError(
    {
      code: InputError.fileCode(code, otherwise),
      where: name,
      expected,
      found,
      hint: "Check the path and its permissions",
    },
    { cause: error },
  );
}

/** The code of a system error such as `ENOENT`; undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

async function openRegular(name: string): Promise<{ handle: FileHandle; path: string }> {
  try {
    const path = await realpath(name);
    // Asked before opening, because opening a pipe waits for somebody to write to it.
    const stats = await stat(path);
    if (!stats.isFile()) {
      const found = stats.isDirectory() ? "a folder" : "something that is not a regular file";
      throw new InputError({
        code: "file-unreadable",
        where: name,
        expected: "a file",
        found,
        hint: "Put the published file there",
      });
    }
    return { handle: await open(path, "r"), path };
  } catch (error) {
    throw fileProblem(name, error);
  }
}

/** `length` bytes at `offset`. @throws InputError about `name` when the file ends before */
export async function readExactly(
  handle: FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const wanted = Math.min(length - filled, maxRead);
    const { bytesRead } = await handle.read(bytes, filled, wanted, offset + filled);
    if (bytesRead === 0) {
      throw new InputError({
        code: "corrupt-file",
        where: name,
        expected: `${length} bytes at offset ${offset}`,
        found: `${filled} bytes before the end of the file`,
        hint: "Fetch or copy the file again: it was cut short",
      });
    }
    filled += bytesRead;
  }
  return bytes;
}
