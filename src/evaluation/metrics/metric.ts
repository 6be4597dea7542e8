/** The interface of all metrics, and the fusions that they run. */
import type { Collective } from "../../distributed/index.js";
import type { HostTensor } from "../../graph/index.js";
import type { Random } from "../../random/index.js";
import { batchOf, chunksOfEqualLength, type Part, type States } from "../../inference/index.js";
import type { Head } from "../../model/index.js";
import type { EncodedRow, RowContext } from "../encoded-row.js";

/** Numbers by the names of the results. */
export type Results = Readonly<Record<string, number>>;

/** One metric over all rows, which it gets one after the other. */
export interface RowMetric {
  /** Whether the row has the texts that the metric needs. */
  accepts(row: EncodedRow): boolean;
  update(row: EncodedRow): Promise<void>;
  /**
   * The lists that `update` appends to, with all that `compute` needs. With several ranks each rank updates with a contiguous share of the
   * rows; then every list is replaced by the lists of all ranks joined, and `compute` runs on all.
   */
  readonly lists: readonly unknown[][];
  /** Once, after the last row. */
  compute(): Results | Promise<Results>;
}

export interface EvalContext extends RowContext {
  /** Random choices depend on this stream and on the row and number of a text, not on the other metrics. */
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
  /** The ranks that share the evaluation. */
  readonly collective: Collective;
}

/**
 * Runs a fusion of one image with texts.
 * @param use called with the index of each text and its row of the output, which it must not keep: it is a view of the batch
 */
export async function fuse(
  { model, signal }: Pick<EvalContext, "model" | "signal">,
  part: Part,
  image: States,
  texts: readonly (readonly number[])[],
  use: (index: number, output: HostTensor) => void,
): Promise<void> {
  const tokens = texts.map((ids, index) => ({ index, ids }));
  for (const chunk of chunksOfEqualLength(tokens, model.chunkSize)) {
    signal?.throwIfAborted();
    const { attention_mask, input_ids } = batchOf(chunk);
    const states = await model.run("text", { attention_mask, input_ids });
    const [output] = Object.values(await model.run(part, { ...image, ...states, attention_mask }));
    for (const [row, { index }] of chunk.entries()) use(index, output!.row(row));
  }
}

/** The head's output for each text with one image, as numbers. */
export async function fusedRows(
  context: EvalContext,
  head: Head,
  image: States,
  texts: readonly string[],
): Promise<number[][]> {
  const rows = new Array<number[]>(texts.length);
  await fuse(context, `fusion ${head}`, image, context.tokenize(texts), (index, output) => {
    rows[index] = output.toArray();
  });
  return rows;
}
