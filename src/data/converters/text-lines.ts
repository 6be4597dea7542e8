/** Lines of text files that may be large, one by one, and JSON values that stand one on a line. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { InputError } from "../../errors.js";
import type { OnBytes } from "./json-elements.js";
import { fileSize } from "./source-files.js";

export interface LineOptions {
  readonly onBytes?: OnBytes | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the longest line. Default 4 MiB. */
  readonly maxBytes?: number;
}

/** Text of the file in UTF-8, in pieces of about a mebibyte. */
export async function* textPieces(file: string, { onBytes, signal }: LineOptions): AsyncGenerator<string, void> {
  const size = await fileSize(file);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const stream = createReadStream(file, { highWaterMark: 2 ** 20 });
  let done = 0;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      const found = `other bytes before byte ${done}`;
      throw new InputError(
        { code: "unsupported-format", where: file, expected: "text in UTF-8", found, hint: "Fetch the file again" },
        { cause },
      );
    }
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      done += chunk.length;
      onBytes?.(done, size, basename(file));
      yield decode(chunk);
    }
    yield decode();
  } finally {
    stream.destroy();
  }
}

export interface TextLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** Lines that are not empty, without their ends. */
export async function* textLines(file: string, options: LineOptions = {}): AsyncGenerator<TextLine, void> {
  const { maxBytes = 4 * 2 ** 20 } = options;
  let line = 0;
  let rest = "";
  for await (const piece of textPieces(file, options)) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    if (rest.length > maxBytes) {
      const hint = "Use the file as it was published";
      throw new InputError({
        code: "invalid-dataset",
        where: `${file}, line ${line + lines.length + 1}`,
        expected: "a line",
        found: "a very long one",
        hint,
      });
    }
    for (const text of lines) {
      line++;
      if (text.trim() !== "") yield { line, text: text.replace(/\r$/, "") };
    }
  }
  if (rest.trim() !== "") yield { line: line + 1, text: rest };
}

/** JSON values of a file that holds one on each line. */
export async function* jsonLines(
  file: string,
  options: LineOptions = {},
): AsyncGenerator<{ readonly line: number; readonly value: unknown }, void> {
  for await (const { line, text } of textLines(file, options)) {
    try {
      yield { line, value: JSON.parse(text) as unknown };
    } catch (cause) {
      const hint = "Fetch the file again";
      throw new InputError(
        { code: "invalid-json", where: `${file}, line ${line}`, expected: "a JSON object", found: "no JSON", hint },
        { cause },
      );
    }
  }
}
