/**
 * Tables of cells with a line of names first, as spreadsheets, pandas and database tools write them. The separator is found in the first
 * line, because a `.csv` of a European spreadsheet has semicolons.
 *
 * A cell in quotes may contain separators, line ends and doubled quotes. Other quotes are text. In tables separated by tabs, captions are
 * often written without quoting: a quote that is not closed before a separator is text, and so is one whose cell would take in other
 * lines with their separators.
 */

import { InputError } from "../../../errors.js";

/** One row of a table. */
export interface TableRecord {
  /** Its first line. From 1. */
  readonly line: number;
  readonly lastLine: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Characters of one row. The largest rows seen, all regions of an image with their texts, are a hundred times shorter. */
export const maxRow = 2 ** 24;

const separators = [",", "\t", ";", "|"] as const;

export type Separator = (typeof separators)[number];

export interface DelimitedOptions {
  /** The separator that the ending of the file announces. */
  readonly announced: Separator;
  /** How well the names fit a table of images: 2 with a column of images, 1 with another known column, otherwise 0. */
  readonly fit: (names: readonly string[]) => number;
  /** Called once. */
  readonly onHeader: (names: readonly string[]) => void;
  /** Called for every row. Empty cells are left out of a row. */
  readonly onRecord: (record: TableRecord) => void;
}

/**
 * Reads all rows.
 * @throws InputError naming the line at broken quotes, rows of another length than the header, names that come twice, or a row that
 *   is too long
 */
export async function readDelimited(
  path: string,
  pieces: AsyncIterable<string>,
  options: DelimitedOptions,
): Promise<void> {
  const table = new Table(path, options);
  for await (const piece of pieces) table.add(piece);
  table.end();
}

/** The names in the first line by the separator that fits best. */
export function readHeader(
  line: string,
  { announced, fit }: Pick<DelimitedOptions, "announced" | "fit">,
): { readonly separator: Separator; readonly names: readonly string[] } {
  const candidates = [announced, ...separators.filter((separator) => separator !== announced)].map((separator) => {
    const { cells } = parseRecord(line, 0, { separator, isEnd: true, trims: true, isStrict: false }) as ParsedRecord;
    const names = cells.map((name) => name.trim());
    return { separator, names, fit: fit(names) };
  });
  const best = Math.max(...candidates.map((candidate) => candidate.fit));
  // Without a known name, the separator that makes columns at all.
  return candidates.find(({ fit, names }) => fit === best && (best > 0 || names.length > 1)) ?? candidates[0]!;
}

class Table {
  readonly #path: string;
  readonly #options: DelimitedOptions;
  #text = "";
  #position = 0;
  #line = 1;
  #names: readonly string[] | undefined;
  #syntax: Omit<Syntax, "isEnd"> | undefined;

  constructor(path: string, options: DelimitedOptions) {
    this.#path = path;
    this.#options = options;
  }

  add(piece: string): void {
    this.#text = this.#text.slice(this.#position) + piece;
    this.#position = 0;
    this.#read(false);
    if (this.#text.length - this.#position > maxRow) throw this.#tooLong();
  }

  end(): void {
    this.#read(true);
    if (this.#names !== undefined) return;
    const hint = "Write the names of the columns in the first line and rows below";
    const problem = { code: "missing-data", expected: "a table", found: "an empty file", hint } as const;
    throw new InputError({ ...problem, where: this.#path });
  }

  #read(isEnd: boolean): void {
    this.#syntax ??= this.#findSyntax(isEnd);
    if (this.#syntax === undefined) return;
    while (this.#position < this.#text.length) {
      const record = parseRecord(this.#text, this.#position, { ...this.#syntax, isEnd });
      if (record === undefined) return;
      if (typeof record === "string") {
        const [expected, found, hint] = quoteProblems[record];
        throw this.#problem(expected, found, hint);
      }
      if (record.end - this.#position > maxRow) throw this.#tooLong();
      this.#take(record);
      this.#position = record.end;
      this.#line += record.lines;
    }
  }

  /** The separator, from the first line that is not blank; undefined if that line is not complete yet. */
  #findSyntax(isEnd: boolean): Omit<Syntax, "isEnd"> | undefined {
    for (;;) {
      const length = lineLength(this.#text, this.#position, isEnd);
      if (length === undefined) return undefined;
      const line = this.#text.slice(this.#position, this.#position + length);
      if (line === "") return undefined;
      // Excel reads the separator from a line of its own.
      const named = /^sep=(.)\s*$/i.exec(line)?.[1];
      if (line.trim() === "" || named !== undefined) {
        this.#position += length;
        this.#line++;
      }
      const separator = separators.find((one) => one === named);
      if (separator !== undefined) return { separator, trims: false, isStrict: separator !== "\t" };
      if (line.trim() === "" || named !== undefined) continue;
      const found = readHeader(line.trimEnd(), this.#options).separator;
      // Blanks after each separator of the first line are no part of the cells, as in `image| comment`.
      const after = line.split(found).slice(1);
      const trims = after.length > 0 && after.every((cell) => cell.startsWith(" "));
      return { separator: found, trims, isStrict: found !== "\t" };
    }
  }

  #take({ cells, lines, isLast }: ParsedRecord): void {
    const isBlank = cells.every((cell) => cell.trim() === "");
    // Of blank lines, those with separators are rows.
    if (isBlank && (cells.length === 1 || this.#names === undefined)) return;
    if (this.#names === undefined) {
      this.#names = this.#header(cells);
      this.#options.onHeader(this.#names);
      return;
    }
    if (!isBlank && cells.length !== this.#names.length) {
      const separator = JSON.stringify(this.#syntax!.separator);
      const expected = `${this.#names.length} cells, as many as the first line has names`;
      const hint =
        cells.length < this.#names.length
          ? `Write a ${separator} for each value that is missing`
          : `Put cells that contain ${separator} into quotes`;
      throw this.#problem(expected, `${cells.length}`, hint);
    }
    const filled = isBlank
      ? []
      : this.#names.flatMap((name, i) => (cells[i] === "" ? [] : [[name, cells[i]!] as const]));
    const lastLine = this.#line + lines - (isLast ? 0 : 1);
    this.#options.onRecord({ line: this.#line, lastLine, values: Object.fromEntries(filled) });
  }

  #header(cells: readonly string[]): string[] {
    const names = cells.map((name) => name.trim());
    const repeated = names.find((name, i) => name !== "" && names.indexOf(name) !== i);
    if (repeated === undefined) return names;
    throw this.#problem("a unique name for each column", `${JSON.stringify(repeated)} twice`, "Rename one");
  }

  #tooLong(): InputError {
    const hint = "Look for a quote that is never closed, or check that the file has one row per line";
    return this.#problem(`rows of at most ${maxRow} characters`, "a longer one", hint);
  }

  #problem(expected: string, found: string, hint: string): InputError {
    return new InputError({
      code: "invalid-dataset",
      where: `${this.#path}, line ${this.#line}`,
      expected,
      found,
      hint,
    });
  }
}

/** Characters of the line at `start` with its end; undefined if the line may go on in the next piece. */
function lineLength(text: string, start: number, isEnd: boolean): number | undefined {
  const end = /[\r\n]/g;
  end.lastIndex = start;
  const at = end.exec(text)?.index;
  if (at === undefined) return isEnd ? text.length - start : undefined;
  if (text[at] === "\r" && at + 1 === text.length && !isEnd) return undefined;
  return at - start + (text.startsWith("\r\n", at) ? 2 : 1);
}

const quoteProblems = {
  open: ["every quote closed", "one open at the end of the file", "Close it, or double quotes inside a cell"],
  inside: ["a separator after a closing quote", "more text", "Double quotes inside a quoted cell"],
} as const;

interface Syntax {
  readonly separator: Separator;
  /** Whether no more text follows. */
  readonly isEnd: boolean;
  /** Whether blanks before a cell are left out. */
  readonly trims: boolean;
  /** Whether a quote at the start of a cell must be closed at its end. Otherwise such a quote is text. */
  readonly isStrict: boolean;
}

interface ParsedRecord {
  readonly cells: readonly string[];
  /** Position after the line end. */
  readonly end: number;
  /** Line ends in the record. */
  readonly lines: number;
  /** Whether it ends with the file and not with a line. */
  readonly isLast: boolean;
}

/** The record at `start`; undefined if more text is needed; a key of `quoteProblems` for a wrong quote. */
function parseRecord(text: string, start: number, syntax: Syntax): ParsedRecord | "open" | "inside" | undefined {
  const { separator, isEnd, trims } = syntax;
  const stop = stops[separator];
  const cells: string[] = [];
  let lines = 0;
  for (let position = start; ;) {
    if (trims) while (text[position] === " ") position++;
    const quoted = text[position] === '"' ? quotedCell(text, position, syntax) : undefined;
    if (typeof quoted === "string") {
      if (quoted === "more") return undefined;
      return quoted;
    }
    let end: number;
    if (quoted === undefined) {
      stop.lastIndex = position;
      end = stop.exec(text)?.index ?? text.length;
      cells.push(text.slice(position, end));
    } else {
      end = quoted.end;
      lines += quoted.lines;
      cells.push(quoted.cell);
    }
    const next = text[end];
    if (next === separator) {
      position = end + 1;
      continue;
    }
    // More text may follow, such as the second character of a line end.
    if (!isEnd && (next === undefined || (next === "\r" && end + 1 === text.length))) return undefined;
    const isLast = next === undefined;
    const length = isLast ? 0 : next === "\r" && text[end + 1] === "\n" ? 2 : 1;
    return { cells, end: end + length, lines: lines + (isLast ? 0 : 1), isLast };
  }
}

/** Ends of a cell without quotes. */
const stops: Readonly<Record<Separator, RegExp>> = {
  ",": /[,\r\n]/g,
  "\t": /[\t\r\n]/g,
  ";": /[;\r\n]/g,
  "|": /[|\r\n]/g,
};

interface QuotedCell {
  readonly cell: string;
  /** Position after the closing quote. */
  readonly end: number;
  readonly lines: number;
}

/** The cell whose opening quote is at `start`; undefined if that quote is text. */
function quotedCell(
  text: string,
  start: number,
  { separator, isEnd, trims, isStrict }: Syntax,
): QuotedCell | "more" | "open" | "inside" | undefined {
  const [line, column] = isStrict ? [-1, -1] : [text.indexOf("\n", start), text.indexOf(separator, start)];
  const limit = line >= 0 && column >= 0 ? Math.max(line, column) : Infinity;
  let close = text.indexOf('"', start + 1);
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
  if (close > limit) return undefined;
  if (close < 0 || (close + 1 === text.length && !isEnd)) {
    if (limit < Infinity) return undefined;
    if (!isEnd) return "more";
    if (close < 0) return isStrict ? "open" : undefined;
  }
  let end = close + 1;
  if (trims) while (text[end] === " ") end++;
  const next = text[end];
  const isClosed = next === separator || next === "\n" || next === "\r" || (next === undefined && isEnd);
  if (next === undefined && !isEnd) return "more";
  if (!isClosed) return isStrict ? "inside" : undefined;
  const cell = text.slice(start + 1, close);
  return { cell: cell.replaceAll('""', '"'), end, lines: cell.split(/\r\n|\n|\r/).length - 1 };
}
