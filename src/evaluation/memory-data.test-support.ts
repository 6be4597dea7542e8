/** Data sets in memory, for tests. */
import { readFile } from "node:fs/promises";
import type { Dataset, RowTexts, TextKind } from "../data/index.js";

export interface MemoryRow extends Partial<RowTexts> {
  /** Files, or bytes. */
  readonly pictures: readonly (string | Uint8Array)[];
}

export function memoryData(rows: readonly MemoryRow[], name = "pairs"): Dataset {
  const texts = rows.map(
    ({ captions = [], questions = [], hypotheses = [], statements = [], negatives = [] }): RowTexts => {
      return { captions, questions, hypotheses, statements, negatives };
    },
  );
  const count = (kind: TextKind) => Uint32Array.from(texts, (row) => row[kind].length);
  return {
    name,
    rows: rows.length,
    counts: {
      captions: count("captions"),
      questions: count("questions"),
      hypotheses: count("hypotheses"),
      statements: count("statements"),
      negatives: count("negatives"),
    },
    texts: (row) => texts[row]!,
    pictures: (row) =>
      rows[row]!.pictures.map((picture, i) => ({
        name: typeof picture === "string" ? picture : `${name} row ${row} picture ${i}`,
        read: async () => (typeof picture === "string" ? readFile(picture) : picture),
      })),
    close: () => Promise.resolve(),
  };
}
