/** Rows with aligned columns for people. Machines get `--json`. */
import { displayWidth, wrapped } from "./display-width.js";

export interface Row {
  readonly cells: readonly string[];
  /** Shown in bold where the terminal can. */
  readonly strong?: boolean;
}

export interface TableOptions {
  /** Columns of figures, which are set flush right. */
  readonly right?: readonly number[];
  /** Spaces before each line. */
  readonly indent?: number;
  /** Cells in a line of the terminal; without limit where the output is no terminal. */
  readonly columns?: number | undefined;
  /** Whether escape codes for bold are understood. */
  readonly colour?: boolean;
}

const gap = "  ";
const narrowest = 12;

/** Lines of the table; the last column is wrapped to what the others leave of the terminal's width. */
export function table(rows: readonly Row[], options: TableOptions = {}): string {
  const { right = [], indent = 0, columns = Infinity, colour = false } = options;
  const count = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const widths = Array.from({ length: count - 1 }, (_, i) =>
    rows.reduce((width, { cells }) => Math.max(width, displayWidth(cells[i] ?? "")), 0),
  );
  const start = indent + widths.reduce((sum, width) => sum + width + gap.length, 0);
  const rest = Math.max(narrowest, columns - start);
  const lines = rows.flatMap(({ cells, strong = false }) => {
    const fixed = widths.map((width, i) => padded(cells[i] ?? "", width, right.includes(i))).join(gap);
    const [first = "", ...more] = rest === Infinity ? [cells[count - 1] ?? ""] : wrapped(cells[count - 1] ?? "", rest);
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
