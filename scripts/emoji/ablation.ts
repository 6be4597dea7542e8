/**
 * Trains BridgeTower and METER (no bridges; the same towers, cross-modal layers and heads) on the same scenes from three seeds each, judges
 * them on `val` and on art of unseen styles, and writes `docs/ablation.json`, `docs/ablation.svg` and the table of `docs/emoji.md`.
 *
 *   npx tsx scripts/emoji/ablation.ts
 *
 * The towers are made by the packaged model's runs of contrast, in `runs/emoji/`; settings of the rest are in `recipes/ablation/`, runs in
 * `runs/ablation/`. What is done is passed over: after Ctrl-C the same command goes on.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { progressText } from "../../src/training/index.js";
import { KeptResults } from "./kept-results.js";
import { runAblation, type AblationPlan } from "./run-ablation.js";
import { runScript } from "./run-script.js";
import { writeAblation } from "./write-ablation.js";

// Settings name their files from the root on.
process.chdir(fileURLToPath(new URL("../../", import.meta.url)));

const settings = async (name: string) =>
  JSON.parse(await readFile(`recipes/${name}.json`, "utf8")) as AblationPlan["heads"];
const towers = ["emoji/1-singles", "emoji/2-scenes"];

await runScript(async ({ signal, progress, tell }) => {
  const plan: AblationPlan = {
    towers: await Promise.all(towers.map(settings)),
    heads: await settings("ablation/heads"),
    seeds: [0, 1, 2],
    output: "runs/ablation",
    splits: {
      val: { scenes: "recipes/emoji/data/val.scenes.json", pairs: "recipes/emoji/data/val-pairs.scenes.json" },
      style: {
        scenes: "recipes/ablation/data/style.scenes.json",
        pairs: "recipes/ablation/data/style-pairs.scenes.json",
      },
    },
    judgement: { limit: 512, candidates: 64 },
  };
  const kept = await KeptResults.open("docs/ablation.json");
  let judging: { readonly part: string; readonly report: (done: number, total: number) => void } | undefined;
  await runAblation(plan, kept, {
    signal,
    onStep: (run, event) => progress.show(() => `${run} · ${progressText(event)}`),
    onWarning: (message) => tell(`warning: ${message}`),
    onProgress: (part, done, total) => {
      if (judging?.part !== part) judging = { part, report: progress.start(part) };
      judging.report(done, total);
    },
    onRun: ({ model, seed, parameters }) =>
      tell(`${model}, seed ${seed}: trained and judged, ${parameters} parameters`),
    onSeed: (runs) => writeAblation("docs", { plan, runs }),
  });
  tell("written: docs/ablation.json, docs/ablation.svg and the table in docs/emoji.md");
});
