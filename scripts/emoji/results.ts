/**
 * Judges the embedded model on all test splits, beside blind baselines, and writes the table of `docs/emoji.md`.
 *
 *   npx tsx scripts/emoji/results.ts [--model FOLDER] [--limit N] [--out docs/emoji-results.json]
 *
 * The table goes into `emoji.md` beside `--out`, and that of the packaged model into its card as well. Splits that are done are kept
 * there: after Ctrl-C the same command goes on, and a split is judged again only when the weights, its documents or the limit have changed.
 */
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { defaultModel } from "../../src/inference/index.js";
import { shareText, writeSection } from "./formatted-file.js";
import { judgeBlind, learnBlind, rowsRead } from "./judge-blind.js";
import { ingredients, judgeScenes, type Documents, type Judgement } from "./judge-scenes.js";
import { KeptResults, hashOf, type Results } from "./kept-results.js";
import { measures, splits, type SplitName } from "./measures.js";
import { resultsSection } from "./results-table.js";
import { runScript } from "./run-script.js";

const usage = "usage: npx tsx scripts/emoji/results.ts [--model FOLDER] [--limit N] [--out FILE.json]";
const root = fileURLToPath(new URL("../../", import.meta.url));

const documentsOf = (name: string): Documents => ({
  scenes: join(root, `recipes/emoji/data/${name}.scenes.json`),
  pairs: join(root, `recipes/emoji/data/${name}-pairs.scenes.json`),
});

const { model, out, judgement } = given();

await runScript(async ({ signal, progress, tell }) => {
  const kept = await KeptResults.open(out);
  const watched = (label: string) => {
    const begun = new Map<string, (done: number, total: number) => void>();
    return {
      signal,
      onProgress: (part: string, done: number, total: number) => {
        const report = begun.get(part) ?? progress.start(`${label}, ${part}`);
        begun.set(part, report);
        report(done, total);
      },
    };
  };

  // --- The model

  const results: Partial<Record<SplitName, Results>> = {};
  for (const [i, { name }] of splits.entries()) {
    const made = await ingredients(model, documentsOf(name), judgement);
    results[name] = await kept.of(`model/${name}`, made, () =>
      judgeScenes(model, documentsOf(name), judgement, watched(`${name} (${i + 1} of ${splits.length})`)),
    );
    tell(`${name}: ${summary(results[name])}`);
  }

  // --- Who sees no image

  const training = documentsOf("train");
  const read = {
    training: await hashOf(training.scenes),
    pairs_of_training: await hashOf(training.pairs),
    rows_read: rowsRead,
  };
  const blind: Partial<Record<SplitName, Results>> = {};
  let judge: ReturnType<typeof learnBlind> | undefined;
  for (const { name } of splits) {
    const { scenes, pairs, limit, candidates } = await ingredients(model, documentsOf(name), judgement);
    const tokenizer = await hashOf(join(model, "tokenizer.json"));
    const made = { scenes: scenes!, pairs: pairs!, limit: limit!, candidates: candidates!, tokenizer, ...read };
    blind[name] = await kept.of(`blind/${name}`, made, async () => {
      judge ??= learnBlind(model, training, watched("blind"));
      return judgeBlind(await judge, documentsOf(name), judgement);
    });
  }

  // --- What is told

  const rows = results.val!.rows!;
  await kept.describe({ model: nameOf(model), seed: 0, ...judgement });
  const section = resultsSection({ model: results, blind, rows, rowsRead, candidates: judgement.candidates });
  const documents = [join(dirname(out), "emoji.md"), ...(model === defaultModel ? [join(model, "README.md")] : [])];
  for (const document of documents) await writeSection(document, "results", section);
  tell(`written: ${[out, ...documents].join(", ")}`);
});

/** Its path in this repository; of a folder elsewhere the name alone. */
function nameOf(folder: string): string {
  const path = relative(root, folder);
  return path.startsWith("..") ? basename(folder) : path;
}

function summary(results: Results): string {
  const found = measures.flatMap(({ key }) => (results[key] === undefined ? [] : [[key, results[key]] as const]));
  return found.map(([key, share]) => `${key} ${shareText(share)}`).join("  ");
}

function given(): { readonly model: string; readonly out: string; readonly judgement: Judgement } {
  try {
    const { values } = parseArgs({
      options: { model: { type: "string" }, limit: { type: "string" }, out: { type: "string" } },
    });
    const limit = values.limit === undefined ? undefined : Number(values.limit);
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) throw new Error(`--limit ${values.limit}`);
    return {
      model: values.model ?? defaultModel,
      out: values.out ?? join(root, "docs/emoji-results.json"),
      judgement: { limit, candidates: 64 },
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}
