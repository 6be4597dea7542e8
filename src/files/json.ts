/** JSON files: read with a limit on their size, and on request strictly (no repeated key, bounded depth and keys). */

import { InputError } from "../errors.js";
import { standIn } from "./stand-in.js";
import { type BoundedReadOptions, readBytes, readBytesIfPresent } from "./read-file.js";

/** A parsed JSON object. Keys come from a file: look them up in it, never assign by them to another object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Maximum size of a file of settings, of a model's configuration or of its answers. */
export const maxConfigBytes = 2 ** 20;

/** Bounds of a document from an untrusted source. */
export interface JsonLimits {
  /** Objects and arrays inside each other; 1 for a flat object. */
  readonly depth: number;
  /** Keys of all objects together. */
  readonly keys: number;
}

/** A problem of a document, as text for «found». */
export class JsonProblem extends Error {
  override readonly name = "JsonProblem";
}

export interface JsonReadOptions extends Pick<BoundedReadOptions, "hint"> {
  /** Default `maxConfigBytes`. */
  readonly maxBytes?: number;
  /** Default "a JSON file" or "a JSON object". */
  readonly expected?: string;
  /** Reads the document strictly within these bounds. */
  readonly limits?: JsonLimits;
}

/**
 * The JSON value in a file.
 * @throws InputError if the file is missing, too large, not UTF-8 or not JSON
 */
export async function readJson(path: string, options: JsonReadOptions = {}): Promise<unknown> {
  return parseFile(await readBytes(path, fileOptions(options)), path, options);
}

/** As `readJson`; undefined if there is no such file. */
export async function readJsonIfPresent(path: string, options: JsonReadOptions = {}): Promise<unknown> {
  const bytes = await readBytesIfPresent(path, fileOptions(options));
  return bytes && parseFile(bytes, path, options);
}

/**
 * The JSON object in a file.
 * @throws InputError as `readJson`, or if the file holds another JSON value
 */
export async function readJsonObject(path: string, options: JsonReadOptions = {}): Promise<JsonObject> {
  return asObject(await readJson(path, { expected: "a JSON object", ...options }), path, options);
}

/** As `readJsonObject`; undefined if there is no such file. */
export async function readJsonObjectIfPresent(
  path: string,
  options: JsonReadOptions = {},
): Promise<JsonObject | undefined> {
  const value = await readJsonIfPresent(path, { expected: "a JSON object", ...options });
  return value === undefined ? undefined : asObject(value, path, options);
}

const defaultHint = "Download the file again";

/** System errors have a separate hint. */
const fileOptions = ({ maxBytes = maxConfigBytes, expected = "a JSON file" }: JsonReadOptions): BoundedReadOptions => ({
  maxBytes,
  expected,
});

function parseFile(bytes: Uint8Array, path: string, options: JsonReadOptions): unknown {
  try {
    return parseJson(withoutByteOrderMark(bytes), options.limits);
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    const { expected = "a JSON file", hint = defaultHint } = options;
    const { message: found } = cause;
    throw new InputError({ code: "invalid-json", where: path, expected, found, hint, ...standIn(bytes) }, { cause });
  }
}

/** Windows programs write the mark in front of UTF-8 text. */
const withoutByteOrderMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

function asObject(value: unknown, path: string, options: JsonReadOptions): JsonObject {
  if (isObject(value)) return value;
  const { expected = "a JSON object", hint = defaultHint } = options;
  throw new InputError({ code: "invalid-json", where: path, expected, found: describe(value), hint });
}

/** Whether a JSON value is an object (neither null nor a list). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A JSON value in a few words, for the «found» of an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * The value of a UTF-8 JSON document. With `limits`, a repeated key and a byte order mark are errors too.
 * @throws JsonProblem for bytes that are not UTF-8, broken JSON, or a document beyond `limits`
 */
export function parseJson(bytes: Uint8Array, limits?: JsonLimits): unknown {
  const text = decodeUtf8(bytes, limits !== undefined);
  if (text.trim() === "") throw new JsonProblem("an empty file");
  if (limits !== undefined) checkStructure(text, limits);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new JsonProblem("text that is not JSON", { cause });
  }
}

function decodeUtf8(bytes: Uint8Array, ignoreBOM: boolean): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM }).decode(bytes);
  } catch {
    throw new JsonProblem("bytes that are not UTF-8 text");
  }
}

/** One pass over the text before any value is made of it. It may accept broken syntax: `JSON.parse` follows. */
function checkStructure(text: string, limits: JsonLimits): void {
  const open: (Set<string> | "array")[] = [];
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") {
      if (open.push(c === "{" ? new Set() : "array") > limits.depth) {
        throw new JsonProblem(`JSON nested more than ${limits.depth} deep`);
      }
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === '"') {
      const end = stringEnd(text, i);
      const innermost = open.at(-1);
      if (innermost instanceof Set && isFollowedByColon(text, end)) {
        const key = unescapeKey(text.slice(i, end));
        if (innermost.has(key)) throw new JsonProblem(`the key ${JSON.stringify(key.slice(0, 200))} twice`);
        if (++keys > limits.keys) throw new JsonProblem(`more than ${limits.keys} keys`);
        innermost.add(key);
      }
      i = end - 1;
    }
  }
}

/** The position after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  throw new JsonProblem("text that is not JSON");
}

function isFollowedByColon(text: string, position: number): boolean {
  let i = position;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i++;
  return text[i] === ":";
}

function unescapeKey(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw new JsonProblem("text that is not JSON");
  }
}

/**
 * The value of a JSON text as Python's `json.dumps` writes it: `NaN`, `Infinity` and `-Infinity`, which JSON does not have, are null.
 * @throws SyntaxError if it is not JSON
 *
 * @example
 * parsePythonJson('{"score": NaN}'); // { score: null }
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const plain = withoutNaN(text);
    if (plain === text) throw error;
    return JSON.parse(plain) as unknown;
  }
}

/** The text with the names of numbers outside of strings replaced by null. */
function withoutNaN(text: string): string {
  const parts: string[] = [];
  const token = /"|-?Infinity|NaN/g;
  let copied = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] !== '"') {
      parts.push(text.slice(copied, match.index), "null");
      copied = token.lastIndex;
      continue;
    }
    let end = match.index + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    token.lastIndex = end + 1;
  }
  return parts.join("") + text.slice(copied);
}
