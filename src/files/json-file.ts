/** Small configuration files from strangers: read with a size limit, and every failure worded for the user. */
import { InputError } from "../errors.js";
import { readBoundedFileIfPresent } from "./bounded-file.js";

/** A parsed JSON object. Keys come from a file: look them up in it, never assign by them to another object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The text of a file of at most `maxBytes`, or undefined when there is none. */
export async function readTextIfPresent(path: string, maxBytes: number): Promise<string | undefined> {
  const bytes = await readBoundedFileIfPresent(path, "a text file", maxBytes);
  return bytes && new TextDecoder().decode(bytes);
}

/** The JSON object in a file of at most `maxBytes`, or undefined when there is no such file. */
export async function readJsonIfPresent(path: string, maxBytes: number): Promise<JsonObject | undefined> {
  const text = await readTextIfPresent(path, maxBytes);
  return text === undefined ? undefined : parseJsonObject(text, path);
}

function parseJsonObject(text: string, where: string): JsonObject {
  const hint = "Fetch the file again";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const found = text.trim() === "" ? "an empty file" : "text that is not JSON (damaged or cut off)";
    throw new InputError({ code: "invalid-json", where, expected: "a JSON object", found, hint }, { cause });
  }
  if (!isObject(value))
    throw new InputError({ code: "invalid-json", where, expected: "a JSON object", found: describe(value), hint });
  return value;
}

/** Whether a JSON value is an object (neither null nor a list). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A JSON value in a few words, for the «found» of an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
