/** Facts that identify the rows and texts of a data set. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Dataset, TextKind } from "./dataset.js";

/** Rows whose texts are hashed, evenly spread over the data set. */
const sampledRows = 1024;

/**
 * The number of rows and of texts, and a hash: of the number of texts of each row, and of the texts of about 1,024 rows. Processes with the
 * same facts train and evaluate on the same rows in the same order.
 * @param role name of the data set in errors, besides its file
 * @internal
 */
export function datasetFacts(data: Dataset, role: string): Readonly<Record<string, string | number>> {
  const hash = createHash("sha256");
  let texts = 0;
  for (const kind of (Object.keys(data.counts) as TextKind[]).sort()) {
    const counts = data.counts[kind];
    texts += counts.reduce((sum, count) => sum + count, 0);
    hash.update(kind).update(counts);
  }
  const step = Math.max(1, Math.floor(data.rows / sampledRows));
  for (let row = 0; row < data.rows; row += step) hash.update(JSON.stringify(data.texts(row)));
  const name = `${role} ${basename(data.name)}`;
  return {
    [`rows in ${name}`]: data.rows,
    [`texts in ${name}`]: texts,
    [`hash of the texts in ${name}`]: hash.digest("hex").slice(0, 16),
  };
}
