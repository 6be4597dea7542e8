/** How a table of captions is written: by its ending, or by its first line if the ending says nothing. */

import { extname } from "node:path";

import { isObject } from "../../../files/index.js";
import { type ColumnNames, findColumns } from "../column-roles.js";
import { readHeader, type Separator } from "./delimited.js";

export type TableKind = { readonly kind: "jsonl" } | { readonly kind: "delimited"; readonly separator: Separator };

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
  if (known !== undefined) return known;
  return firstLine(head).startsWith("{") ? { kind: "jsonl" } : { kind: "delimited", separator: "," };
}

/**
 * Whether the first line has a column of images: that of a `captions.txt`, or of JSON Lines in a `.json`. Other text files have no such line.
 * @param head the first bytes of the file, with all of its first line
 */
export function looksLikeCaptionTable(head: Uint8Array, columns: ColumnNames = {}): boolean {
  const line = firstLine(head);
  if (!line.startsWith("{")) {
    const fit = headerFit(columns);
    return fit(readHeader(line, { announced: ",", fit }).names) === 2;
  }
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && headerFit(columns)(Object.keys(value)) === 2;
  } catch {
    return false;
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
