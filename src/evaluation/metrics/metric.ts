/** What every judge works with, and what it gives. */
import type { HostTensor } from "../../graph/index.js";
import type { Random } from "../../random/index.js";
import { batchOf, chunksOfEqualLength, type Part, type States } from "../../inference/index.js";
import type { SeenRow, Views } from "../encoded-row.js";

/** Numbers under the names that they are kept under. */
export type Results = Readonly<Record<string, number>>;

/** Judges one thing of all rows, one after the other. */
export interface Judge {
  /** Whether the row has what is judged. */
  wants(row: SeenRow): boolean;
  judge(row: SeenRow): Promise<void>;
  /** Once, after the last row. */
  results(): Results | Promise<Results>;
}

export interface Judging extends Views {
  /** What is drawn follows from it and from the place of a text in its data set, whatever else is judged. */
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs a fusion of one image with texts.
 * @param use is given each text's index and its part of the only output; it must not keep that, which is part of its batch
 */
export async function fuse(
  { model, signal }: Pick<Judging, "model" | "signal">,
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

/** The output of a fusion for each text, as numbers. */
export async function fusedRows(
  judging: Judging,
  part: Part,
  image: States,
  texts: readonly string[],
): Promise<number[][]> {
  const rows = new Array<number[]>(texts.length);
  await fuse(judging, part, image, judging.tokenize(texts), (index, output) => {
    rows[index] = output.toArray();
  });
  return rows;
}
