/** How a table of captions is written: by its ending, or by its first line. */

import { extname } from "node:path";

import { isObject, type JsonObject, parsePythonJson } from "../../../files/index.js";
import { type ColumnNames, findColumns } from "../column-roles.js";
import { readHeader, type Separator } from "./delimited.js";

/** `json`: one list of all rows. */
export type TableKind =
  | { readonly kind: "jsonl" }
  | { readonly kind: "json" }
  | { readonly kind: "delimited"; readonly separator: Separator };

const kinds: Readonly<Record<string, TableKind>> = {
  ".jsonl": { kind: "jsonl" },
  ".ndjson": { kind: "jsonl" },
  ".csv": { kind: "delimited", separator: "," },
  ".tsv": { kind: "delimited", separator: "\t" },
};

export const captionTableExtensions: readonly string[] = Object.keys(kinds);

/** The kind of a table of captions. @param head the first bytes of the file */
export function tableKind(path: string, head: Uint8Array): TableKind {
  const known = kinds[extname(path).toLowerCase()];
  const line = firstLine(head);
  if (line.startsWith("[") && known?.kind !== "delimited") return { kind: "json" };
  if (known !== undefined) return known;
  return line.startsWith("{") ? { kind: "jsonl" } : { kind: "delimited", separator: "," };
}

/**
 * Whether the first line has a column of images, as in a `captions.txt` or in JSON Lines, or the first object of a list in JSON has. Other
 * text files have no such line.
 * @param head the first bytes of the file, with all of its first line
 */
export function looksLikeCaptionTable(head: Uint8Array, columns: ColumnNames = {}): boolean {
  const line = firstLine(head);
  const fit = headerFit(columns);
  if (line.startsWith("[")) {
    const first = firstObject(head);
    return first !== undefined && fit(Object.keys(first)) === 2;
  }
  if (!line.startsWith("{")) return fit(readHeader(line, { announced: ",", fit }).names) === 2;
  const value = parsed(line);
  // Annotations of COCO and others are one object with a list of images.
  return value !== undefined && !isObject(firstOf(value["images"])) && fit(Object.keys(value)) === 2;
}

/** Whether the file looks like published annotations: one object with lists of images or annotations. */
export const looksLikeAnnotations = (head: Uint8Array): boolean =>
  /^\s*\{[^]*"(?:images|annotations|questions)"\s*:\s*\[\s*\{/.test(new TextDecoder().decode(head));

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);

/** Closing brackets at which the first object of a list may end. */
const maxClosings = 64;

/** The first object of a list in JSON; undefined if there is none in these bytes. */
function firstObject(head: Uint8Array): JsonObject | undefined {
  const text = new TextDecoder().decode(head);
  const start = text.indexOf("{");
  if (start < 0 || text.slice(0, start).trim() !== "[") return undefined;
  let end = start;
  for (let closings = 0; closings < maxClosings; closings++) {
    end = text.indexOf("}", end + 1);
    if (end < 0) return undefined;
    const value = parsed(text.slice(start, end + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = parsePythonJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How well names fit a table of images, for `readDelimited`. */
export function headerFit(columns: ColumnNames): (names: readonly string[]) => number {
  return (names) => {
    const found = findColumns((name) => names.includes(name), columns);
    const { image, images, image_0, image_1 } = found;
    if (image !== undefined || images !== undefined || (image_0 !== undefined && image_1 !== undefined)) return 2;
    return Object.keys(found).length > 0 ? 1 : 0;
  };
}

function firstLine(head: Uint8Array): string {
  const [line = ""] = new TextDecoder().decode(head).split(/[\r\n]/, 1);
  return line.trim();
}
