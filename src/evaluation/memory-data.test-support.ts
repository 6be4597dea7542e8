/** Data sets in memory, for tests. */
import { readFile } from "node:fs/promises";
import type { Dataset, RowTexts, TextKind } from "../data/index.js";

export interface MemoryRow extends Partial<RowTexts> {
  /** Files, or bytes. */
  readonly images: readonly (string | Uint8Array)[];
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
    images: (row) =>
      rows[row]!.images.map((image, i) => ({
        name: typeof image === "string" ? image : `${name} row ${row} image ${i}`,
        read: async () => (typeof image === "string" ? readFile(image) : image),
      })),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
