/**
 * Records of tab-separated files as pandas `read_csv(sep="\t")` reads them, because the images of Conceptual Captions are named
 * after these row numbers. Quotes at the start of a field enclose it, including tabs and line ends; a doubled quote inside is one
 * quote; empty lines are skipped. csv-parse differs: with `relax_quotes` it keeps the quotes of `" i love you " , he said`, and
 * without it refuses the row.
 */
import { InputError } from "../../errors.js";
import { readTextPieces } from "../../files/index.js";
import { readOptions, type SourceOptions } from "./source-lines.js";

export interface TsvRecord {
  /** From 0. */
  readonly row: number;
  readonly fields: readonly string[];
}

const maxCharacters = 2 ** 20;

/** @throws InputError when a record does not end within a mebibyte, as after a quote that is never closed */
export async function* tsvRecords(file: string, options: SourceOptions = {}): AsyncGenerator<TsvRecord, void> {
  let row = 0;
  let fields: string[] = [];
  let field = "";
  let length = 0;
  let state: "start" | "plain" | "quoted" | "quote in quoted" = "start";
  const isRecord = () => fields.length > 0 || field !== "" || state !== "start";
  const endField = () => {
    fields.push(field);
    field = "";
    state = "start";
  };
  const take = (): TsvRecord => {
    endField();
    const record = { row: row++, fields };
    fields = [];
    length = 0;
    return record;
  };
  for await (const piece of readTextPieces(file, readOptions(file, options))) {
    for (const character of piece) {
      if (++length > maxCharacters) {
        const found = "one that does not end within a mebibyte: a quote may never be closed";
        throw new InputError({ code: "invalid-dataset", where: `${file}, record ${row}`, expected: "a record", found });
      }
      if (state === "quoted") {
        if (character === '"') state = "quote in quoted";
        else field += character;
      } else if (character === "\t") {
        endField();
      } else if (character === "\n") {
        if (isRecord()) yield take();
        else length = 0;
      } else if (character === '"' && state !== "plain") {
        if (state === "quote in quoted") field += character;
        state = "quoted";
      } else if (character !== "\r") {
        field += character;
        state = "plain";
      }
    }
  }
  if (state === "quoted") {
    const found = "the end of the file inside quotes";
    throw new InputError({
      code: "corrupt-file",
      where: `${file}, record ${row}`,
      expected: "a record",
      found,
      hint: "Download the file again",
    });
  }
  if (isRecord()) yield take();
}
