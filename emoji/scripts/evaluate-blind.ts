/** The blind baseline on scenes: reads the texts of training once, then answers one split after the other. */
import { setImmediate } from "node:timers/promises";
import { BridgeTowerProcessor } from "bridgetower";
import type { RowTexts } from "bridgetower/data";
import { nounWords, openScenes, readVocabulary, type ScenesOptions } from "../src/index.js";
import { BlindBaseline, readingOf } from "./blind.js";
import type { Selection, SplitScenes, Watched } from "./evaluate-scenes.js";
import type { Results } from "./kept-results.js";

/** Rows of training that are read, of scenes and of pairs. */
export const rowsRead = 20_000;

/** @param model whose tokenizer says which nouns are one token */
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
      // Lets Ctrl-C through.
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

/** The texts of the first rows, each made when it is called for. */
async function textsOf(options: ScenesOptions, rows: number): Promise<(() => RowTexts)[]> {
  const data = await openScenes(options);
  return Array.from({ length: rows }, (_, row) => () => data.texts(row));
}
