/** The texts of a sample in files of their own: members of an archive, or files beside an image. */

import { InputError } from "../../errors.js";
import { encodingHint, isObject, parsePythonJson, utf8Problem } from "../../files/index.js";
import { describe } from "./row-values.js";

/** Bytes of a caption or a JSON file: the limit of a row in a table. */
export const maxTextBytes = 2 ** 24;

/** The text of a file, without its byte order mark. @throws InputError if it is not UTF-8 */
export function sampleText(where: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const found = utf8Problem(bytes)?.found ?? "other bytes";
    const problem = { code: "unsupported-format", where, expected: "text in UTF-8", found } as const;
    throw new InputError({ ...problem, hint: encodingHint });
  }
}

/** The fields of a row in a JSON file. @throws InputError if it is not a JSON object */
export function sampleFields(where: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) return value;
  const found = value === undefined ? `text that is not JSON, ${describe(text)}` : describe(value);
  throw new InputError({
    code: "invalid-json",
    where,
    expected: "a JSON object",
    found,
    hint: "Write the fields of a row into it",
  });
}
