/** Text files of any size, a piece at a time. */

import { fileProblem } from "../../../files/index.js";
import { createReadStream } from "node:fs";

import { InputError } from "../../../errors.js";

import type { ReaderInput } from "../reader.js";

/** Characters of one row. The largest rows seen, all regions of an image with their texts, are a hundred times shorter. */
export const maxRow = 2 ** 24;

/**
 * The text of a UTF-8 file in pieces, without its byte order mark.
 * @throws InputError when it is not UTF-8 or cannot be read; the signal's reason when it is aborted
 */
export async function* textPieces(
  path: string,
  size: number,
  { signal, onProgress }: Pick<ReaderInput, "signal" | "onProgress">,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let done = 0;
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new InputError({
        code: "unsupported-format",
        where: path,
        expected: "text in UTF-8",
        found: `other bytes, ${done} bytes into the file or a little later`,
        hint: "Save the table as UTF-8",
      });
    }
  };
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      signal?.throwIfAborted();
      const text = decode(chunk as Buffer);
      if (text !== "") yield text;
      onProgress((done += (chunk as Buffer).length), size);
    }
    const rest = decode();
    if (rest !== "") yield rest;
  } catch (error) {
    throw fileProblem(path, error, "a file that can be read");
  }
}

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/**
 * Lines that are not blank, as many at once as a piece of text has.
 * @throws InputError at a line longer than `maxRow`, when no more than that of it has been read
 */
export async function* lines(path: string, pieces: AsyncIterable<string>): AsyncGenerator<Line[]> {
  let number = 0;
  let begun = "";
  const tooLong = () =>
    new InputError({
      code: "invalid-dataset",
      where: `${path}, line ${number + 1}`,
      expected: `at most ${maxRow} characters`,
      found: "a longer line",
      hint: "Check that the file has one row a line",
    });
  const finished = (text: string): Line[] => {
    if (text.length > maxRow) throw tooLong();
    number++;
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    return line.trim() === "" ? [] : [{ number, text: line }];
  };
  for await (const piece of pieces) {
    const parts = piece.split("\n");
    const last = parts.pop()!;
    if (parts.length > 0) {
      parts[0] = begun + parts[0]!;
      begun = "";
      yield parts.flatMap(finished);
    }
    begun += last;
    if (begun.length > maxRow) throw tooLong();
  }
  if (begun !== "") yield finished(begun);
}
