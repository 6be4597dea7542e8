/** Results of an evaluation as files. */
import { replaceFiles, writeText } from "../files/index.js";
import { basename, dirname, join, resolve } from "node:path";

import type { EvaluationResult } from "./evaluate-model.js";

/**
 * Writes `eval_results.json` with the numbers by name, and the predictions, if there are any, in the format of the VQA challenge. Both
 * are replaced as one, as `replaceFiles` does it.
 * @param folder made if it does not exist; files of these names are replaced
 * @param model  the evaluated model, after which the file of predictions is named
 * @returns the paths written
 * @example
 * import { mkdtemp, readFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "results-"));
 * const result = { metrics: ["itm"], results: { itm_accuracy: 1 }, skipped: [], predictions: [] } as const;
 * const [file] = await writeResults(folder, result, "models/emoji");
 * console.log(JSON.parse(await readFile(file!, "utf8"))); // { itm_accuracy: 1 }
 */
export async function writeResults(folder: string, result: EvaluationResult, model: string): Promise<string[]> {
  const documents = new Map<string, string>([["eval_results.json", `${JSON.stringify(result.results, null, 2)}\n`]]);
  if (result.predictions.length > 0) {
    documents.set(submissionName(model), JSON.stringify(result.predictions, null, 4));
  }
  const names = [...documents.keys()];
  await replaceFiles(folder, names, async (unfinished) => {
    for (const [name, text] of documents) await writeText(join(unfinished, name), text);
  });
  return names.map((name) => join(folder, name));
}

/**
 * `vqa_submit_<run>_<checkpoint>.json`: the last two parts of the model's path or hub id.
 * @internal
 */
export function submissionName(model: string): string {
  const path = resolve(model);
  const [run, checkpoint] = [basename(dirname(path)), basename(path)].map((part) =>
    part.replace(/[^A-Za-z0-9._-]+/g, "-"),
  );
  return `vqa_submit_${run || "model"}_${checkpoint || "model"}.json`;
}
