/**
 * Evaluates the packaged model on all test splits, beside the blind baseline, and writes the table of `emoji/docs/emoji.md`.
 *
 *   npx tsx emoji/scripts/results.ts [--model FOLDER] [--limit N] [--out emoji/docs/emoji-results.json]
 *
 * The table is written into `emoji.md` beside `--out`, and without options also into the card of the packaged model. Results of finished
 * splits are stored in `--out`: after Ctrl-C the same command resumes, and a split is evaluated again only if the weights, its scenes or
 * the limit have changed.
 */
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { defaultModel } from "bridgetower";
import { shareText, writeSection } from "./formatted-file.js";
import { evaluateBlind, learnBlind, rowsRead } from "./evaluate-blind.js";
import { evaluateScenes, ingredients, scenesHash, type Selection } from "./evaluate-scenes.js";
import { ResultsCache, hashOf, type Results } from "./results-cache.js";
import { measures, splits, testScenes, trainingScenes, type SplitName } from "./measures.js";
import { resultsSection } from "./results-table.js";
import { runScript } from "./run-script.js";

const usage = "usage: npx tsx emoji/scripts/results.ts [--model FOLDER] [--limit N] [--out FILE.json]";
const root = fileURLToPath(new URL("../../", import.meta.url));

const { model, out, selection, writesCard } = given();

await runScript(async ({ signal, progress, log }) => {
  const kept = await ResultsCache.open(out);
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
  for (const [i, { name, split }] of splits.entries()) {
    const scenes = testScenes(split);
    const made = await ingredients(model, scenes, selection);
    results[name] = await kept.of(`model/${name}`, made, () =>
      evaluateScenes(model, scenes, selection, watched(`${name} (${i + 1} of ${splits.length})`)),
    );
    log(`${name}: ${summary(results[name])}`);
  }

  // --- The baseline without images

  const read = {
    training: scenesHash(trainingScenes.scenes),
    pairs_of_training: scenesHash(trainingScenes.pairs),
    rows_read: rowsRead,
  };
  const blind: Partial<Record<SplitName, Results>> = {};
  let baseline: ReturnType<typeof learnBlind> | undefined;
  for (const { name, split } of splits) {
    const { scenes, pairs, limit, candidates } = await ingredients(model, testScenes(split), selection);
    const tokenizer = await hashOf(join(model, "tokenizer.json"));
    const made = { scenes: scenes!, pairs: pairs!, limit: limit!, candidates: candidates!, tokenizer, ...read };
    blind[name] = await kept.of(`blind/${name}`, made, async () => {
      baseline ??= learnBlind(model, trainingScenes, watched("blind"));
      return evaluateBlind(await baseline, testScenes(split), selection);
    });
  }

  // --- The documents

  const rows = results.val!.rows!;
  await kept.describe({ model: nameOf(model), seed: 0, ...selection });
  const section = resultsSection({ model: results, blind, rows, rowsRead, candidates: selection.candidates });
  const documents = [join(dirname(out), "emoji.md"), ...(writesCard ? [join(model, "README.md")] : [])];
  for (const document of documents) await writeSection(document, "results", section);
  log(`written: ${[out, ...documents].join(", ")}`);
});

/** The path in this repository, or the name of a folder elsewhere. */
function nameOf(folder: string): string {
  const path = relative(root, folder);
  return path.startsWith("..") ? basename(folder) : path;
}

function summary(results: Results): string {
  const found = measures.flatMap(({ key }) => (results[key] === undefined ? [] : [[key, results[key]] as const]));
  return found.map(([key, share]) => `${key} ${shareText(share)}`).join("  ");
}

interface Given {
  readonly model: string;
  readonly out: string;
  readonly selection: Selection;
  /** Whether the results replace those of the packaged model's card: not those of a trial with other options. */
  readonly writesCard: boolean;
}

function given(): Given {
  try {
    const { values } = parseArgs({
      options: { model: { type: "string" }, limit: { type: "string" }, out: { type: "string" } },
    });
    const limit = values.limit === undefined ? undefined : Number(values.limit);
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) throw new Error(`--limit ${values.limit}`);
    return {
      model: values.model ?? defaultModel,
      out: values.out ?? join(root, "emoji/docs/emoji-results.json"),
      selection: { limit, candidates: 64 },
      writesCard: Object.keys(values).length === 0,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}
