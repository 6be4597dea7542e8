/** A table of captions beside its images: JSON Lines, CSV or TSV. */

import { dirname, extname } from "node:path";

import { InputError } from "../../../errors.js";
import { readLineBatches, readTextPieces } from "../../../files/index.js";
import type { Dataset } from "../../dataset.js";
import { Spans, TextPool } from "../packed-columns.js";
import {
  imageColumns,
  checkNamedColumns,
  findColumns,
  type FoundColumns,
  knownNames,
  listed,
  RecordColumns,
} from "../column-roles.js";
import { rowTexts } from "../row-texts.js";
import { hasTexts, mergeRows, RowStore } from "../row-store.js";
import { describe, isObject, RowValues } from "../row-values.js";
import { type ReaderInput, tableDataset } from "../reader.js";
import { maxRow, readDelimited, type TableRecord } from "./delimited.js";
import { pathInside, imageFile } from "./image-file.js";

const kinds: Readonly<Record<string, "jsonl" | "csv" | "tsv">> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".csv": "csv",
  ".tsv": "tsv",
};

export const captionTableExtensions: readonly string[] = Object.keys(kinds);

/**
 * The rows of a table. Lines with the same image, or the same two, are one row, in place of the first. A line without image and text
 * is skipped. Image paths are relative to the table and are not checked before an image is read.
 * @throws InputError naming the line for an invalid row
 */
export async function openCaptionTable(input: ReaderInput): Promise<Dataset> {
  const path = input.paths[0]!;
  const kind = kinds[extname(path).toLowerCase()];
  if (kind === undefined) {
    const found = extname(path) === "" ? "a name without ending" : extname(path);
    const expected = `a table of captions (${captionTableExtensions.join(", ")})`;
    throw new InputError({
      code: "unsupported-format",
      where: path,
      expected,
      found,
      hint: "Rename it, or write it as JSON Lines or CSV",
    });
  }
  const table = new TableBuilder(input, path);
  if (kind === "jsonl") {
    for await (const lines of readLineBatches(path, { ...input, maxLineLength: maxRow })) {
      for (const { number, text } of lines) table.addJson(number, text);
    }
  } else {
    await readDelimited(
      path,
      kind,
      readTextPieces(path, input),
      (names) => table.setHeader(names),
      (record) => table.add(record),
    );
  }
  return table.finish();
}

class TableBuilder {
  readonly #input: ReaderInput;
  readonly #path: string;
  readonly #records = new RowStore();
  readonly #rowOf: number[] = [];
  readonly #rows = new Map<string, number>();
  /** Images of each row, one or two. */
  readonly #images = { paths: new TextPool(), spans: new Spans() };
  /** Columns by the header. */
  #columns: FoundColumns | undefined;
  /** Columns of JSON Lines, where each row has its own fields. */
  readonly #fields: RecordColumns;

  constructor(input: ReaderInput, path: string) {
    this.#input = input;
    this.#path = path;
    this.#fields = new RecordColumns(input.columns);
  }

  setHeader(names: readonly string[]): void {
    const where = `${this.#path}, line 1`;
    const found = listed(names.map((name) => JSON.stringify(name)));
    this.#columns = findColumns((name) => names.includes(name), this.#input.columns);
    if (Object.keys(this.#columns).length === 0 && Object.keys(this.#input.columns).length === 0) {
      const expected = `the names of the columns, such as ${knownNames.image[0]!} and ${knownNames.caption[0]!}`;
      const hint = "Add a first line of names, or name the columns in the settings";
      throw new InputError({ code: "missing-column", where, expected, found, hint });
    }
    checkNamedColumns(where, names, this.#input.columns);
    imageColumns(where, names, this.#columns);
  }

  addJson(line: number, text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = text;
    }
    if (!isObject(value)) {
      const found = value === text ? `text that is not JSON, ${describe(text)}` : describe(value);
      const hint = "Write one JSON object a line";
      throw new InputError({
        code: "invalid-json",
        where: `${this.#path}, line ${line}`,
        expected: "a JSON object",
        found,
        hint,
      });
    }
    this.add({ line, values: value });
  }

  add({ line, values }: TableRecord): void {
    const where = () => `${this.#path}, line ${line}`;
    const columns = this.#columns ?? this.#fields.of(values);
    const row = new RowValues(columns, values, where);
    if (!this.#input.split.keeps(row.get("split"))) return;
    const images = this.#imagesOf(row, where);
    const texts = rowTexts(row, images.length === 2);
    if (images.length === 0) {
      if (!hasTexts(texts)) return;
      const expected = `an image (${listed(knownNames.image)}, or image_0 and image_1)`;
      const hint = "Name its image, or name the column of the images in the settings";
      throw new InputError({
        code: "missing-column",
        where: where(),
        expected,
        found: `only ${listed(Object.keys(values))}`,
        hint,
      });
    }
    const key = images.join("\0");
    let number = this.#rows.get(key);
    if (number === undefined) {
      this.#rows.set(key, (number = this.#rows.size));
      this.#images.spans.add(images.length);
      for (const image of images) this.#images.paths.add(image);
    }
    this.#rowOf.push(number);
    this.#records.add(texts);
  }

  finish(): Dataset {
    if (this.#columns === undefined) this.#fields.finish(this.#path);
    const { paths, spans } = this.#images;
    const folder = dirname(this.#path);
    const isOneLinePerRow = this.#rows.size === this.#records.rows;
    return tableDataset({
      name: this.#input.name,
      store: isOneLinePerRow ? this.#records : mergeRows(this.#records, this.#rowOf, this.#rows.size),
      images: (row) =>
        Array.from({ length: spans.count(row) }, (_, i) => imageFile(folder, paths.at(spans.start(row) + i))),
    });
  }

  #imagesOf(row: RowValues, where: () => string): string[] {
    const list = row.get("images");
    if (list !== undefined) {
      if (Array.isArray(list) && (list.length === 1 || list.length === 2)) {
        return list.map((path: unknown) => pathOf(row, "images", path, where));
      }
      throw row.wrong("images", "the paths of one image or two", list);
    }
    const [left, right] = [row.get("image_0"), row.get("image_1")];
    if (left !== undefined || right !== undefined) {
      return [pathOf(row, "image_0", left, where), pathOf(row, "image_1", right, where)];
    }
    const image = row.get("image");
    return image === undefined ? [] : [pathOf(row, "image", image, where)];
  }
}

function pathOf(
  row: RowValues,
  role: "image" | "images" | "image_0" | "image_1",
  value: unknown,
  where: () => string,
): string {
  if (typeof value !== "string") throw row.wrong(role, "the path of an image", value);
  return pathInside(where(), value);
}
