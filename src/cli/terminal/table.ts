/** Tables with aligned columns, for people. Programs read `--json`. */
import { displayWidth, escapeControlChars, wrap } from "./text.js";

export interface Row {
  readonly cells: readonly string[];
  /** Bold, if the terminal supports it. */
  readonly strong?: boolean;
}

export interface TableOptions {
  /** Indices of the columns that are aligned right: numbers. */
  readonly right?: readonly number[];
  /** Spaces before each line. */
  readonly indent?: number;
  /** Width of the terminal in cells; undefined if the output is not a terminal: lines are then not wrapped. */
  readonly columns?: number | undefined;
  /** Whether the terminal understands escape codes for bold. */
  readonly colour?: boolean;
}

const gap = "  ";
/** The last column is never narrower. */
const minLastColumn = 12;

/** Formats the rows; the last column is wrapped to the width that the other columns leave. */
export function table(rows: readonly Row[], options: TableOptions = {}): string {
  const { right = [], indent = 0, columns = Infinity, colour = false } = options;
  const count = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const widths = Array.from({ length: count - 1 }, (_, i) =>
    rows.reduce((width, { cells }) => Math.max(width, displayWidth(cells[i] ?? "")), 0),
  );
  const start = indent + widths.reduce((sum, width) => sum + width + gap.length, 0);
  const rest = Math.max(minLastColumn, columns - start);
  const lines = rows.flatMap(({ cells, strong = false }) => {
    const fixed = widths.map((width, i) => padded(cells[i] ?? "", width, right.includes(i))).join(gap);
    const [first = "", ...more] = rest === Infinity ? [cells[count - 1] ?? ""] : wrap(cells[count - 1] ?? "", rest);
    const head = " ".repeat(indent) + (count > 1 ? fixed + gap : "") + first;
    const all = [head.trimEnd(), ...more.map((line) => " ".repeat(start) + line)];
    return strong && colour ? all.map((line) => `\u001b[1m${line}\u001b[22m`) : all;
  });
  return lines.map((line) => `${line}\n`).join("");
}

function padded(cell: string, width: number, right: boolean): string {
  const space = " ".repeat(width - displayWidth(cell));
  return right ? space + cell : cell + space;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A probability 0..1 as a bar on ten cells, in steps of an eighth of a cell. */
export function bar(probability: number): string {
  const steps = Math.round(probability * 80);
  return ("█".repeat(Math.floor(steps / 8)) + eighths[steps % 8]!).padEnd(10);
}

/** A probability 0..1 as a percentage. */
export function percent(probability: number): string {
  return `${(100 * probability).toFixed(1)}%`;
}

/** A heading and names with their probabilities, best first. */
export function probabilityTable(
  heading: string,
  entries: readonly { readonly name: string; readonly probability: number }[],
  style: TableOptions,
): string {
  const rows = entries.map(({ name, probability }, rank) => ({
    cells: [percent(probability), bar(probability), escapeControlChars(name) || '""'],
    strong: rank === 0 && entries.length > 1,
  }));
  return `${escapeControlChars(heading) || '""'}\n${table(rows, { ...style, right: [0], indent: 2 })}`;
}

/** The results of an evaluation, one per line: shares as percentages, losses with four digits, counts unchanged. */
export function metricsTable(results: Readonly<Record<string, number>>, style: TableOptions): string {
  const rows = Object.entries(results).map(([name, value]) => ({
    cells: [escapeControlChars(name), formatMetric(name, value)],
  }));
  return table(rows, style);
}

function formatMetric(name: string, value: number): string {
  if (/_loss$/.test(name)) return value.toFixed(4);
  if (name === "rsum") return value.toFixed(1);
  return /_accuracy|_score$|_r\d+$|_mean$/.test(name) ? percent(value) : `${value}`;
}
