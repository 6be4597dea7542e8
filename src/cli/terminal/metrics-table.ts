import { percent, table, type TableOptions } from "./table.js";
import { visible } from "./escape-control-chars.js";

/** What an evaluation found, a number a line: shares as percentages, losses with four digits, counts as they are. */
export function resultsTable(results: Readonly<Record<string, number>>, style: TableOptions): string {
  const rows = Object.entries(results).map(([name, value]) => ({ cells: [visible(name), figure(name, value)] }));
  return table(rows, style);
}

function figure(name: string, value: number): string {
  if (/_loss$/.test(name)) return value.toFixed(4);
  if (name === "rsum") return value.toFixed(1);
  return /_accuracy|_score$|_r\d+$|_mean$/.test(name) ? percent(value) : `${value}`;
}
