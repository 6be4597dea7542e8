/** The blind judge on documents of scenes: read the texts of training once, then judge one split after the other. */
import { setImmediate } from "node:timers/promises";
import { openDataset, type Dataset } from "../../src/data/index.js";
import { Tokenizer } from "../../src/processing/index.js";
import { BlindJudge, readingOf } from "./blind.js";
import type { Documents, Judgement, Watched } from "./judge-scenes.js";
import type { Results } from "./kept-results.js";

/** Rows of training that are read, of scenes and of pairs. */
export const rowsRead = 20_000;

/** @param model whose tokenizer says which nouns are one token */
export async function learnBlind(
  model: string,
  training: Documents,
  { signal, onProgress }: Watched = {},
): Promise<BlindJudge> {
  return withData(training, signal, async (scenes, pairs) => {
    const judge = new BlindJudge(readingOf(scenes.nouns ?? [], await Tokenizer.fromFolder(model)));
    const read = async (part: string, data: Dataset, learn: (row: number) => void) => {
      const rows = Math.min(rowsRead, data.rows);
      for (let row = 0; row < rows; row++) {
        learn(row);
        if (row % 256 !== 0) continue;
        onProgress?.(`texts of ${part}`, row, rows);
        // Lets Ctrl-C through.
        await setImmediate();
        signal?.throwIfAborted();
      }
    };
    await read("scenes", scenes, (row) => judge.learnScene(scenes.texts(row)));
    await read("pairs", pairs, (row) => judge.learnPair(pairs.texts(row)));
    return judge;
  });
}

export function judgeBlind(
  judge: BlindJudge,
  documents: Documents,
  { limit = Infinity, candidates }: Judgement,
): Promise<Results> {
  const textsOf = (data: Dataset) =>
    Array.from({ length: Math.min(limit, data.rows) }, (_, row) => row).map((row) => data.texts(row));
  return withData(documents, undefined, (scenes, pairs) =>
    Promise.resolve(judge.judge(textsOf(scenes), textsOf(pairs), candidates)),
  );
}

async function withData<T>(
  { scenes, pairs }: Documents,
  signal: AbortSignal | undefined,
  use: (scenes: Dataset, pairs: Dataset) => Promise<T>,
): Promise<T> {
  const first = await openDataset(scenes, { signal });
  try {
    const second = await openDataset(pairs, { signal });
    try {
      return await use(first, second);
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}
