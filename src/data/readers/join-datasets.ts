/** Several data sets read as one. */

import { checkArgument, listOf, stringType, withMethods } from "../../arguments.js";
import { guarded, type Dataset, type TextKind } from "../dataset.js";
import { lastAtMost } from "./packed-columns.js";
import { joinedReport } from "./read-counts.js";

const datasetType = withMethods("a data set from openDataset", ["texts", "images", "close"]);

/**
 * All rows of several data sets in order. Closing it closes all of them. If some have `blocks`, each row of the others is a block.
 * @example
 * const parts = [await openDataset("examples/images"), await openDataset("examples/images/captions.jsonl")];
 * await using dataset = joinDatasets("twice", parts);
 * console.log(dataset.rows); // 24
 */
export function joinDatasets(name: string, datasets: readonly Dataset[]): Dataset {
  checkArgument("name", name, stringType);
  checkArgument("datasets", datasets, listOf(datasetType));
  const starts = [0];
  for (const { rows } of datasets) starts.push(starts.at(-1)! + rows);
  const rows = starts.pop()!;
  const place = (row: number) => {
    const index = lastAtMost(starts, row);
    return { dataset: datasets[index]!, row: row - starts[index]! };
  };
  const blocks = joinedBlocks(datasets, starts);
  const report = joinedReport(datasets.map((dataset) => dataset.report));
  const mixed = [...new Set(datasets.flatMap(({ mixedSplits = [] }) => mixedSplits))];
  return guarded({
    name,
    rows,
    counts: {
      captions: joinedCounts(datasets, "captions", rows),
      questions: joinedCounts(datasets, "questions", rows),
      hypotheses: joinedCounts(datasets, "hypotheses", rows),
      statements: joinedCounts(datasets, "statements", rows),
      negatives: joinedCounts(datasets, "negatives", rows),
    },
    blocks,
    labelled: datasets.length > 0 && datasets.every(({ labelled }) => labelled === true),
    ...(report === undefined ? {} : { report }),
    ...(mixed.length === 0 ? {} : { mixedSplits: mixed }),
    texts: (row) => {
      const at = place(row);
      return at.dataset.texts(at.row);
    },
    images: (row) => {
      const at = place(row);
      return at.dataset.images(at.row);
    },
    close: async () => {
      const closed = await Promise.allSettled(datasets.map((dataset) => dataset.close()));
      for (const outcome of closed) if (outcome.status === "rejected") throw outcome.reason;
    },
  });
}

function joinedCounts(datasets: readonly Dataset[], kind: TextKind, rows: number): Uint32Array {
  const joined = new Uint32Array(rows);
  let start = 0;
  for (const { counts, rows: length } of datasets) {
    joined.set(counts[kind], start);
    start += length;
  }
  return joined;
}

function joinedBlocks(datasets: readonly Dataset[], starts: readonly number[]): number[] | undefined {
  if (datasets.every(({ blocks }) => blocks === undefined)) return undefined;
  const joined: number[] = [];
  datasets.forEach(({ blocks, rows }, i) => {
    const count = blocks?.length ?? rows;
    for (let block = 0; block < count; block++) joined.push(starts[i]! + (blocks?.[block] ?? block));
  });
  return joined;
}
