/** Reading regular files with a limit on their size. Each failure is an InputError that names the file. */

import { createHash, type Hash } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";

import { InputError } from "../errors.js";
import { fileError, type FileErrorOptions, isAbsence, systemCode } from "./system-errors.js";

/** Node reads at most 2^31 - 1 bytes a call. */
const maxBytesPerRead = 2 ** 30;
const pieceBytes = 2 ** 20;

export interface OpenFile {
  /** The path as the user gave it, for messages. */
  readonly name: string;
  /** Absolute path with symbolic links resolved. */
  readonly path: string;
  /** Bytes in the file when it was opened. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, in a separate buffer. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens `name`, calls `use` with it and closes it again.
 * @throws InputError if it is missing, not a regular file or not readable
 */
export async function withFile<T>(
  name: string,
  use: (file: OpenFile) => Promise<T>,
  options: FileErrorOptions = {},
): Promise<T> {
  const { handle, path } = await openRegular(name, options);
  try {
    const { size } = await handle.stat();
    const read = (offset: number, length: number) => readExactly(handle, name, offset, length);
    return await use({ name, path, size, read });
  } catch (error) {
    throw fileError(name, error, options);
  } finally {
    await handle.close();
  }
}

/** A regular file, open for reading, and its real path. @throws InputError as `withFile` */
export async function openRegular(
  name: string,
  options: FileErrorOptions = {},
): Promise<{ readonly handle: FileHandle; readonly path: string }> {
  await statRegular(name, options);
  try {
    const path = await realpath(name);
    return { handle: await open(path, "r"), path };
  } catch (error) {
    throw fileError(name, error, options);
  }
}

export interface FileState {
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * Size and time of a regular file. Called before opening, because opening a pipe blocks until something writes to it.
 * @throws InputError as `withFile`
 */
export async function statRegular(name: string, options: FileErrorOptions = {}): Promise<FileState> {
  const stats = await stat(name).catch((error: unknown) => {
    throw fileError(name, error, options);
  });
  if (stats.isFile()) return { size: stats.size, mtimeMs: stats.mtimeMs };
  const found = stats.isDirectory() ? "a folder" : "something that is not a regular file";
  const { expected = "a file", hint = "Check the path" } = options;
  throw new InputError({ code: "file-unreadable", where: name, expected, found, hint });
}

export interface BoundedReadOptions extends FileErrorOptions {
  readonly maxBytes: number;
}

/**
 * The content of a regular file of at most `maxBytes`.
 * @throws InputError if it is missing, too large, not a regular file or not readable
 */
export async function readBytes(
  path: string,
  { maxBytes, ...options }: BoundedReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { handle } = await openRegular(path, options);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) {
      throw new InputError({
        code: "file-too-large",
        where: path,
        expected: `${options.expected ?? "a file"} of at most ${maxBytes} bytes`,
        found: `${size} bytes`,
        hint: options.hint,
      });
    }
    const { buffer, byteOffset, length } = await handle.readFile();
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    throw fileError(path, error, options);
  } finally {
    await handle.close();
  }
}

/** As `readBytes`; undefined if there is no such file. */
export async function readBytesIfPresent(
  path: string,
  options: BoundedReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await readBytes(path, options);
  } catch (error) {
    if (error instanceof InputError && systemCode(error.cause) === "ENOENT") return undefined;
    throw error;
  }
}

/** The text of a file of at most `maxBytes`, or undefined if there is none. Bytes that are not UTF-8 become U+FFFD. */
export async function readTextIfPresent(path: string, maxBytes: number): Promise<string | undefined> {
  const bytes = await readBytesIfPresent(path, { maxBytes, expected: "a text file" });
  return bytes && new TextDecoder().decode(bytes);
}

/** Bytes of a file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * The content of a file of any size, or a range of it, a piece at a time.
 * @throws InputError as `withFile`, or if the file ends before the range does
 */
export async function* readPieces(path: string, range?: ByteRange): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { handle } = await openRegular(path);
  try {
    if (range === undefined) {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(pieceBytes), 0, pieceBytes);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    }
    for (let done = 0; done < range.length; done += pieceBytes) {
      yield await readExactly(handle, path, range.offset + done, Math.min(pieceBytes, range.length - done));
    }
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await handle.close();
  }
}

export interface HashOptions {
  /** Default SHA-256. */
  readonly hash?: Hash;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The hash of a file's content in hexadecimal digits.
 * @throws InputError as `withFile`; the signal's reason when it is aborted
 */
export async function hashFile(
  path: string,
  { hash = createHash("sha256"), signal }: HashOptions = {},
): Promise<string> {
  for await (const piece of readPieces(path)) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest("hex");
}

/**
 * What is at `path`; undefined if nothing is. A link to a missing file is nothing.
 * @throws InputError if that cannot be known, as after an error of the disk: a file that is there must not count as missing
 */
export async function statIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw fileError(path, error);
  }
}

/** Whether a regular file is there. @throws InputError as `statIfPresent` */
export const isFile = async (path: string): Promise<boolean> => (await statIfPresent(path))?.isFile() === true;

/** Whether a folder is there. @throws InputError as `statIfPresent` */
export const isFolder = async (path: string): Promise<boolean> => (await statIfPresent(path))?.isDirectory() === true;

/** `length` bytes at `offset`. @throws InputError about `name` if the file ends before */
export async function readExactly(
  handle: FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const wanted = Math.min(length - filled, maxBytesPerRead);
    const { bytesRead } = await handle.read(bytes, filled, wanted, offset + filled);
    if (bytesRead === 0) {
      throw new InputError({
        code: "corrupt-file",
        where: name,
        expected: `${length} bytes at offset ${offset}`,
        found: `${filled} bytes before the end of the file`,
        hint: "Download or copy the file again: it was cut short",
      });
    }
    filled += bytesRead;
  }
  return bytes;
}
