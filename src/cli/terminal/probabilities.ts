import { bar, percent, table } from "./table.js";
import type { Terminal } from "./terminal.js";
import { visible } from "./escape-control-chars.js";

/** A heading, and below it names with their probabilities, which come best first. */
export function probabilities(
  heading: string,
  entries: readonly { readonly name: string; readonly probability: number }[],
  terminal: Terminal,
): string {
  const rows = entries.map(({ name, probability }, rank) => ({
    cells: [percent(probability), bar(probability), visible(name) || '""'],
    strong: rank === 0 && entries.length > 1,
  }));
  return `${visible(heading) || '""'}\n${table(rows, { ...terminal.style, right: [0], indent: 2 })}`;
}
