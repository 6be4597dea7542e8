/** Evaluates the blind baseline on scenes. It reads the training texts once and then answers one split after the other. */
import { setImmediate } from "node:timers/promises";
import { BridgeTowerProcessor } from "bridgetower";
import type { RowTexts } from "bridgetower/data";
import { nounWords, openScenes, readVocabulary, type ScenesOptions } from "../src/index.js";
import { BlindBaseline, readingOf } from "./blind.js";
import type { Selection, SplitScenes, Watched } from "./evaluate-scenes.js";
import type { Results } from "./results-cache.js";

/** Training rows to read, for scenes and for pairs. */
export const rowsRead = 20_000;

/** @param model its tokenizer decides which nouns are a single token */
export async function learnBlind(
  model: string,
  training: SplitScenes,
  { signal, onProgress }: Watched = {},
): Promise<BlindBaseline> {
  const { tokenizer } = await BridgeTowerProcessor.fromPretrained(model);
  const baseline = new BlindBaseline(readingOf(nounWords(readVocabulary()), tokenizer));
  const read = async (part: string, options: ScenesOptions, learn: (texts: RowTexts) => void) => {
    const rows = Math.min(rowsRead, options.rows);
    for (const [row, texts] of (await textsOf(options, rows)).entries()) {
      learn(texts());
      if (row % 256 !== 0) continue;
      onProgress?.(`texts of ${part}`, row, rows);
      // Yields to the event loop, so that Ctrl-C is handled.
      await setImmediate();
      signal?.throwIfAborted();
    }
  };
  await read("scenes", training.scenes, (texts) => baseline.learnScene(texts));
  await read("pairs", training.pairs, (texts) => baseline.learnPair(texts));
  return baseline;
}

export async function evaluateBlind(
  baseline: BlindBaseline,
  { scenes, pairs }: SplitScenes,
  { limit = Infinity, candidates }: Selection,
): Promise<Results> {
  const all = async (options: ScenesOptions) =>
    (await textsOf(options, Math.min(limit, options.rows))).map((texts) => texts());
  return baseline.evaluate(await all(scenes), await all(pairs), candidates);
}

/** The texts of the first rows, made on demand. */
async function textsOf(options: ScenesOptions, rows: number): Promise<(() => RowTexts)[]> {
  const data = await openScenes(options);
  return Array.from({ length: rows }, (_, row) => () => data.texts(row));
}
