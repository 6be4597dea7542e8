/** The values of a row in any format, by the roles of its columns, and their descriptions in errors. */

import { InputError } from "../../errors.js";
import type { FoundColumns, ColumnRole } from "./column-roles.js";
import { listInText } from "./list-in-text.js";
import type { ReadCounts } from "./read-counts.js";

/** Roles whose lists may be of numbers. A caption such as `[1]` is a text. */
const numbers: readonly ColumnRole[] = ["answer_labels", "answer_scores", "question_id", "label"];

const isOneText: ReadonlySet<ColumnRole> = new Set(["image", "image_0", "image_1", "split"]);

/** Values of a row by role. JSON null and absent columns are undefined. */
export class RowValues {
  readonly #columns: FoundColumns;
  readonly #record: Readonly<Record<string, unknown>>;
  /** The file and the row, for errors. */
  readonly #where: () => string;
  readonly #counts: ReadCounts;

  constructor(
    columns: FoundColumns,
    record: Readonly<Record<string, unknown>>,
    where: () => string,
    counts: ReadCounts,
  ) {
    this.#columns = columns;
    this.#record = record;
    this.#where = where;
    this.#counts = counts;
  }

  /** The value of a column. A list that is written as text, as in cells of a CSV, is a list. */
  get(role: ColumnRole): unknown {
    const name = this.#columns[role];
    const value =
      name === undefined || !Object.hasOwn(this.#record, name) ? undefined : (this.#record[name] ?? undefined);
    if (typeof value !== "string" || !value.trimStart().startsWith("[") || isOneText.has(role)) return value;
    const list = listInText(value, numbers.includes(role));
    if (list === "broken") throw this.wrong(role, 'a text, or a list of texts in JSON (["a", "b"])', value);
    return list ?? value;
  }

  /** Counts a blank caption. */
  countEmptyCaption(): void {
    this.#counts.add("emptyCaptions", this.#where);
  }

  /** The error for an invalid value of a role. */
  wrong(role: ColumnRole, expected: string, value: unknown): InputError {
    const where = `${this.#where()}, column ${JSON.stringify(this.#columns[role] ?? role)}`;
    return new InputError({
      code: "invalid-dataset",
      where,
      expected,
      found: describe(value),
      hint: "Correct the row, or name other columns",
    });
  }
}

/** A JSON object or an Arrow or Parquet struct. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** A value in an error: its type, and the value itself if it is short. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return "no value";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 60))}${value.length > 60 ? "…" : ""}`;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return `the value ${String(value)}`;
  if (Array.isArray(value)) {
    if (value.length === 0) return "an empty list";
    const [first] = value as unknown[];
    // Lists may be nested too deeply for a call per list.
    const inside = Array.isArray(first) ? `a list of ${first.length}` : describe(first);
    return `a list of ${value.length}, first ${inside}`;
  }
  if (ArrayBuffer.isView(value)) return "bytes";
  return isObject(value) ? `an object with ${Object.keys(value).slice(0, 6).join(", ") || "no fields"}` : typeof value;
}

/** The item of a list parallel to a list of questions. */
export function itemOf(row: RowValues, role: ColumnRole, list: unknown, index: number, length: number): unknown {
  if (list === undefined) return undefined;
  // Test files have one empty list instead of one for each question.
  if (Array.isArray(list) && (list.length === length || list.length === 0))
    return (list[index] as unknown) ?? undefined;
  throw row.wrong(role, `a list of ${length}, one for each question`, list);
}

/** The value as text. @throws InputError naming the column */
export function textOf(row: RowValues, role: ColumnRole, value: unknown, expected: string): string {
  if (typeof value === "string") return value;
  throw row.wrong(role, expected, value);
}
