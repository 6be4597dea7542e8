/** A table of captions beside its images: JSON Lines, a list in JSON, or cells between separators. */

import { dirname } from "node:path";

import { InputError } from "../../../errors.js";
import { isObject, parsePythonJson, readLineBatches, readTextPieces } from "../../../files/index.js";
import type { Dataset } from "../../dataset.js";
import { Spans, TextPool } from "../packed-columns.js";
import {
  addressHint,
  imageColumns,
  checkNamedColumns,
  findColumns,
  type FoundColumns,
  knownNames,
  listed,
  RecordColumns,
} from "../column-roles.js";
import { firstBytes } from "../open-files.js";
import { rowTexts } from "../row-texts.js";
import { hasTexts, mergeRows, RowStore } from "../row-store.js";
import { describe, RowValues } from "../row-values.js";
import { type ReaderInput, tableDataset } from "../reader.js";
import { jsonElements } from "../json-elements.js";
import { FolderNames, tableImage, type TablePath, tablePath } from "../image-file.js";
import { maxRow, readDelimited, type TableRecord } from "./delimited.js";
import { headerFit, tableKind } from "./table-kind.js";

/**
 * The rows of a table. Lines with the same image, or the same two, are one row, in place of the first. A line without image and text
 * is left out. Image paths are relative to the table and are not checked before an image is read.
 * @throws InputError naming the line for an invalid row
 */
export async function openCaptionTable(input: ReaderInput): Promise<Dataset> {
  const path = input.paths[0]!;
  const kind = tableKind(path, await firstBytes(path, 2 ** 12));
  const table = new TableBuilder(input, path, kind.kind === "json" ? "element" : "line");
  if (kind.kind === "jsonl") {
    for await (const lines of readLineBatches(path, { ...input, maxLineLength: maxRow })) {
      for (const { number, text } of lines) table.addJson(number, text);
    }
  } else if (kind.kind === "json") {
    const { onProgress, signal } = input;
    const options = { signal, onBytes: onProgress, hint: "Write one list of JSON objects, or one object a line" };
    for await (const { index, value } of jsonElements(path, options))
      table.addObject(index, value, "a list of objects");
  } else {
    await readDelimited(path, readTextPieces(path, input), {
      announced: kind.separator,
      fit: headerFit(input.columns),
      onHeader: (names) => table.setHeader(names),
      onRecord: (record) => table.add(record),
    });
  }
  return table.finish();
}

class TableBuilder {
  readonly #input: ReaderInput;
  readonly #path: string;
  readonly #unit: "line" | "element";
  readonly #records = new RowStore();
  readonly #rowOf: number[] = [];
  readonly #rows = new Map<string, number>();
  /** Images of each row, one or two. */
  readonly #images = { paths: new TextPool(), spans: new Spans() };
  /** Columns by the header. */
  #columns: FoundColumns | undefined;
  /** Columns of JSON Lines, where each row has its own fields. */
  readonly #fields: RecordColumns;
  /** Rows of a table of cells that take more than one line. */
  #longRows = 0;
  #firstLongRow = "";

  /** @param unit how errors count rows */
  constructor(input: ReaderInput, path: string, unit: "line" | "element") {
    this.#input = input;
    this.#path = path;
    this.#unit = unit;
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
      value = parsePythonJson(text);
    } catch {
      throw this.#notObject(line, `text that is not JSON, ${describe(text)}`, "Write one JSON object per line");
    }
    this.addObject(line, value, "one JSON object a line");
  }

  /** @param form how the rows should be written, for errors */
  addObject(line: number, value: unknown, form: string): void {
    if (!isObject(value)) throw this.#notObject(line, describe(value), `Write ${form}`);
    this.add({ line, lastLine: line, values: value });
  }

  #notObject(line: number, found: string, hint: string): InputError {
    const where = `${this.#path}, ${this.#unit} ${line}`;
    return new InputError({ code: "invalid-json", where, expected: "a JSON object", found, hint });
  }

  add({ line, lastLine, values }: TableRecord): void {
    const { counts } = this.#input;
    const where = () => `${this.#path}, ${this.#unit} ${line}`;
    const columns = this.#columns ?? this.#fields.of(values);
    const row = new RowValues(columns, values, where, counts);
    if (!this.#input.split.keeps(row.get("split"))) return;
    if (lastLine > line && this.#longRows++ === 0) this.#firstLongRow = `${where()} to ${lastLine}`;
    counts.add("records");
    const images = this.#imagesOf(row, where);
    const texts = rowTexts(row, images.length === 2);
    if (images.length === 0) {
      if (!hasTexts(texts)) return counts.add("emptyRecords", where);
      const expected = `an image (${listed(knownNames.image)}, or image_0 and image_1)`;
      const hint =
        addressHint(Object.keys(values)) ?? "Name its image, or name the column of the images in the settings";
      throw new InputError({
        code: "missing-column",
        where: where(),
        expected,
        found: `only ${listed(Object.keys(values))}`,
        hint,
      });
    }
    if (!hasTexts(texts)) counts.add("recordsWithoutText", where);
    const key = images.map(({ path }) => path).join("\0");
    let number = this.#rows.get(key);
    if (number === undefined) {
      this.#rows.set(key, (number = this.#rows.size));
      this.#images.spans.add(images.length);
      for (const { given } of images) this.#images.paths.add(given);
    }
    this.#rowOf.push(number);
    this.#records.add(texts);
  }

  finish(): Dataset {
    if (this.#columns === undefined) this.#fields.finish(this.#path);
    const { paths, spans } = this.#images;
    const folder = dirname(this.#path);
    const folders = new FolderNames();
    const isOneLinePerRow = this.#rows.size === this.#records.rows;
    const store = isOneLinePerRow ? this.#records : mergeRows(this.#records, this.#rowOf, this.#rows.size);
    const { counts } = this.#input;
    counts.add("repeatedCaptions", undefined, this.#records.repeatedCaptions);
    if (store !== this.#records) counts.add("repeatedCaptions", undefined, store.repeatedCaptions);
    if (this.#longRows > 0) {
      const rows = this.#longRows === 1 ? "1 row takes" : `${this.#longRows} rows take`;
      counts.note(
        `${rows} several lines, the first ${this.#firstLongRow}: check that its quotes are meant to enclose them`,
      );
    }
    return tableDataset({
      name: this.#input.name,
      store,
      images: (row) =>
        Array.from({ length: spans.count(row) }, (_, i) => {
          const given = paths.at(spans.start(row) + i);
          return tableImage(folder, tablePath(this.#path, given), folders);
        }),
    });
  }

  #imagesOf(row: RowValues, where: () => string): TablePath[] {
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
): TablePath {
  if (typeof value !== "string") throw row.wrong(role, "the path of an image", value);
  return tablePath(where(), value);
}
