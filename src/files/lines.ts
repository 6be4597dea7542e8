/** Text files of any size: their text in pieces, and their lines. */

import { InputError } from "../errors.js";
import { openRegular } from "./read-file.js";
import { refuseStandIn } from "./stand-in.js";
import { fileError } from "./system-errors.js";
import { encodingHint, utf16Problem, utf8Problem } from "./text-encoding.js";

const pieceBytes = 2 ** 18;

export interface TextOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that have been read and the bytes of the file. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /**
   * What happens to bytes that are not UTF-8 and to lines longer than `maxLineLength`: an error, or the bytes become U+FFFD and
   * the lines are skipped. Default "error".
   */
  readonly damaged?: "error" | "skip";
}

export interface LineOptions extends TextOptions {
  /** Characters. Default 2^22. */
  readonly maxLineLength?: number;
}

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line end. */
  readonly text: string;
}

/**
 * The text of a UTF-8 file in pieces, without its byte order mark.
 * @throws InputError if it cannot be read, is not UTF-8, or is a Git LFS pointer; the signal's reason when it is aborted
 */
export async function* readTextPieces(path: string, options: TextOptions = {}): AsyncGenerator<string, void> {
  const { signal, onProgress, damaged = "error" } = options;
  const decoder = new TextDecoder("utf-8", { fatal: damaged === "error" });
  const { handle } = await openRegular(path);
  let done = 0;
  let lines = 0;
  const decode = (bytes?: Uint8Array): string => {
    try {
      const text = decoder.decode(bytes, { stream: bytes !== undefined });
      if (damaged === "error") for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
      return text;
    } catch (cause) {
      throw notUtf8(path, bytes ?? new Uint8Array(), lines, cause);
    }
  };
  const checkStart = (head: Uint8Array) => {
    refuseStandIn(head, path, "a text file");
    if (utf16Problem(head) !== undefined) throw notUtf8(path, head, 0);
  };
  try {
    const { size } = await handle.stat();
    const buffer = new Uint8Array(pieceBytes);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      if (done === 0 && damaged === "error") checkStart(buffer.subarray(0, bytesRead));
      done += bytesRead;
      const text = decode(buffer.subarray(0, bytesRead));
      onProgress?.(done, size);
      if (text !== "") yield text;
    }
    const rest = decode();
    if (rest !== "") yield rest;
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await handle.close();
  }
}

/** @param bytes the piece with the wrong byte, after `lines` lines; empty if the file ends inside of a character */
function notUtf8(path: string, bytes: Uint8Array, lines: number, cause?: unknown): InputError {
  // The piece may begin inside of a character.
  const start = bytes.findIndex((byte) => byte < 0x80 || byte >= 0xc0);
  const inside = start > 0 && start < 4 ? start : 0;
  const { found, offset } = utf8Problem(bytes.subarray(inside)) ?? { found: "other bytes at the end", offset: 0 };
  let line = lines + 1;
  for (const byte of bytes.subarray(0, inside + offset)) if (byte === 0x0a) line++;
  const where = `${path}, line ${line}`;
  const problem = { code: "unsupported-format", where, expected: "text in UTF-8", found, hint: encodingHint } as const;
  return new InputError(problem, { cause });
}

/**
 * The lines of a UTF-8 file that are not blank.
 * @throws InputError as `readTextPieces`, or at a line longer than `maxLineLength` before all of it is in memory
 *
 * @example
 * for await (const { number, text } of readLines("captions.jsonl")) console.log(number, text);
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<Line, void> {
  for await (const lines of readLineBatches(path, options)) yield* lines;
}

/** As `readLines`, with all lines of a piece of the file at once: faster for files with millions of lines. */
export async function* readLineBatches(path: string, options: LineOptions = {}): AsyncGenerator<readonly Line[], void> {
  const { maxLineLength = 2 ** 22, damaged = "error" } = options;
  let number = 0;
  let begun = "";
  let isSkipped = false;
  /** Whether the length is allowed. */
  const checkLength = (length: number): boolean => {
    if (length <= maxLineLength) return true;
    if (damaged === "skip") return false;
    throw new InputError({
      code: "file-too-large",
      where: `${path}, line ${number + 1}`,
      expected: `at most ${maxLineLength} characters`,
      found: "a longer line",
      hint: "Check that the file has one row per line",
    });
  };
  const finished = (text: string): Line[] => {
    const isKept = !isSkipped && checkLength(text.length);
    isSkipped = false;
    number++;
    return isKept && text.trim() !== "" ? [{ number, text: text.endsWith("\r") ? text.slice(0, -1) : text }] : [];
  };
  for await (const piece of readTextPieces(path, options)) {
    const parts = piece.split("\n");
    const last = parts.pop()!;
    if (parts.length > 0) {
      parts[0] = begun + parts[0]!;
      begun = "";
      const lines = parts.flatMap(finished);
      if (lines.length > 0) yield lines;
    }
    if (!isSkipped) begun += last;
    if (!isSkipped && !checkLength(begun.length)) {
      isSkipped = true;
      begun = "";
    }
  }
  const lines = begun === "" ? [] : finished(begun);
  if (lines.length > 0) yield lines;
}
