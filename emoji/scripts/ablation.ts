/**
 * Trains BridgeTower and METER (no bridges; the same towers, cross-modal layers and heads) on the same scenes with three seeds each,
 * evaluates them on `val` and on unseen art styles, and writes `ablation.json`, `ablation.svg` and the table of `emoji.md` in `emoji/docs`.
 *
 *   npx tsx emoji/scripts/ablation.ts
 *
 * The towers come from the packaged model's contrastive runs, in `runs/emoji/`; the other settings are in
 * `emoji/recipes/ablation-heads.json`, runs in `runs/ablation/`. Finished parts are skipped: after Ctrl-C the same command resumes.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { progressText } from "bridgetower/training";
import { ResultsCache } from "./results-cache.js";
import { testScenes } from "./measures.js";
import { runAblation, type RunSettings } from "./run-ablation.js";
import { runScript } from "./run-script.js";
import { writeAblation } from "./write-ablation.js";

// Paths of settings start from the root.
process.chdir(fileURLToPath(new URL("../../", import.meta.url)));

const settings = async (name: string) =>
  JSON.parse(await readFile(`emoji/recipes/${name}.json`, "utf8")) as RunSettings;
const towers = ["1-singles", "2-scenes"];

await runScript(async ({ signal, progress, log }) => {
  const plan = {
    towers: await Promise.all(towers.map(settings)),
    heads: await settings("ablation-heads"),
    seeds: [0, 1, 2],
    modulesFrom: "emoji/recipes",
    output: "runs/ablation",
    splits: { val: testScenes("val"), style: testScenes("style", 512) },
    selection: { limit: 512, candidates: 64 },
  };
  const kept = await ResultsCache.open("emoji/docs/ablation.json");
  let evaluating: { readonly part: string; readonly report: (done: number, total: number) => void } | undefined;
  await runAblation(plan, kept, {
    signal,
    onStep: (run, event) => progress.show(() => `${run} · ${progressText(event)}`),
    onWarning: (message) => log(`warning: ${message}`),
    onProgress: (part, done, total) => {
      if (evaluating?.part !== part) evaluating = { part, report: progress.start(part) };
      evaluating.report(done, total);
    },
    onRun: ({ model, seed, parameters }) =>
      log(`${model}, seed ${seed}: trained and evaluated, ${parameters} parameters`),
    onSeed: (runs) => writeAblation("emoji/docs", { plan, runs }),
  });
  log("written: ablation.json, ablation.svg and the table of emoji.md in emoji/docs");
});
