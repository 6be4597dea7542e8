/** Lines of source files, and the JSON values in them. */
import { basename } from "node:path";
import { InputError } from "../../errors.js";
import { type Line, parsePythonJson, readLines } from "../../files/index.js";
import type { OnBytes } from "../readers/json-elements.js";

export interface SourceOptions {
  readonly onBytes?: OnBytes | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a file of a source is read: with its name in the progress. */
export const readOptions = (file: string, { onBytes, signal }: SourceOptions) => ({
  signal,
  onProgress: (done: number, total: number) => onBytes?.(done, total, basename(file)),
});

/** Lines that are not blank. */
export const sourceLines = (file: string, options: SourceOptions = {}): AsyncGenerator<Line, void> =>
  readLines(file, readOptions(file, options));

/** The JSON value of each line. */
export async function* jsonLines(
  file: string,
  options: SourceOptions = {},
): AsyncGenerator<{ readonly number: number; readonly value: unknown }, void> {
  for await (const { number, text } of sourceLines(file, options)) {
    try {
      yield { number, value: parsePythonJson(text) };
    } catch (cause) {
      const hint = "Download the file again";
      throw new InputError(
        { code: "invalid-json", where: `${file}, line ${number}`, expected: "a JSON object", found: "no JSON", hint },
        { cause },
      );
    }
  }
}
