/** CSV and TSV with a line of names first. */

import { Readable } from "node:stream";

import { CsvError, type Options, parse } from "csv-parse";

import { InputError } from "../../../errors.js";

/** One row of a table. */
export interface TableRecord {
  /** Its last line. From 1. */
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Characters of one row. The largest rows seen, all regions of an image with their texts, are a hundred times shorter. */
export const maxRow = 2 ** 24;

const delimiters = { csv: ",", tsv: "\t" } as const;

export type Delimited = keyof typeof delimiters;

/**
 * Calls `onHeader` once, then `onRecord` for every row; empty cells are left out of a row.
 * @throws InputError naming the line at broken quotes, rows of another length than the header, names that come twice, or a row that
 *   is too long
 */
export async function readDelimited(
  path: string,
  kind: Delimited,
  pieces: AsyncIterable<string>,
  onHeader: (names: readonly string[]) => void,
  onRecord: (record: TableRecord) => void,
): Promise<void> {
  const options: Options = {
    delimiter: delimiters[kind],
    info: true,
    skip_empty_lines: true,
    record_delimiter: ["\r\n", "\n", "\r"],
    max_record_size: maxRow,
    // Captions in tab-separated files are often written without quoting.
    relax_quotes: kind === "tsv",
  };
  let names: readonly string[] | undefined;
  const source = Readable.from(pieces);
  const parser = parse(options);
  source.on("error", (error) => parser.destroy(error));
  try {
    for await (const parsed of source.pipe(parser)) {
      const { info, record } = parsed as Parsed;
      if (names === undefined) onHeader((names = headerNames(path, record)));
      else onRecord({ line: info.lines, values: named(names, record) });
    }
  } catch (error) {
    throw error instanceof CsvError ? csvProblem(path, error) : error;
  } finally {
    source.destroy();
  }
  if (names === undefined) {
    const hint = "Write the names of the columns in the first line and rows below";
    throw new InputError({ code: "missing-data", where: path, expected: "a table", found: "an empty file", hint });
  }
}

interface Parsed {
  readonly info: { readonly lines: number };
  readonly record: readonly string[];
}

function headerNames(path: string, record: readonly string[]): string[] {
  const names = record.map((name) => name.trim());
  const repeated = names.find((name, i) => name !== "" && names.indexOf(name) !== i);
  if (repeated === undefined) return names;
  const found = `${JSON.stringify(repeated)} twice`;
  throw new InputError({
    code: "invalid-dataset",
    where: `${path}, line 1`,
    expected: "a unique name for each column",
    found,
    hint: "Rename one",
  });
}

function named(names: readonly string[], record: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name, i) => (record[i] === "" ? [] : [[name, record[i]!]])));
}

const problems: Readonly<Record<string, readonly [expected: string, found: string, hint: string]>> = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: [
    "as many cells as the first line has names",
    "more or fewer",
    "Quote cells that contain the separator",
  ],
  CSV_MAX_RECORD_SIZE: [
    `rows of at most ${maxRow} characters`,
    "a longer one",
    "Look for a quote that is never closed, or check that the file has one row per line",
  ],
  CSV_QUOTE_NOT_CLOSED: [
    "every quote closed",
    "one open at the end of the file",
    "Close it, or double quotes inside a cell",
  ],
  INVALID_OPENING_QUOTE: [
    "quotes around whole cells",
    "one inside a cell",
    "Put the cell into quotes and double those inside",
  ],
  CSV_INVALID_CLOSING_QUOTE: ["a separator after a closing quote", "more text", "Double quotes inside a quoted cell"],
};

function csvProblem(path: string, error: CsvError): InputError {
  const line: unknown = error["lines"];
  const where = typeof line === "number" ? `${path}, line ${line}` : path;
  const [expected, found, hint] = problems[error.code] ?? ["a table of cells", error.message, "Correct that line"];
  return new InputError({ code: "invalid-dataset", where, expected, found, hint }, { cause: error });
}
