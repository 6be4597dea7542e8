/**
 * Trains a small BridgeTower from random weights until it overfits 64 pairs of images and captions: matching,
 * contrast, masked language modelling and question answering at once.
 *
 *   npx tsx scripts/overfit.ts --pairs FOLDER --out FOLDER
 *
 * `--pairs` has images and `pairs.jsonl`, a line each with image, captions and questions. Writes the curves to
 * docs/overfit.svg and docs/overfit.jsonl, and to `--out` a checkpoint for `--model`.
 */
import { Random } from "../src/random/index.js";
import { processorFiles, saveCheckpoint } from "../src/checkpoint/index.js";
import { initializer } from "../src/conversion/index.js";
import { makeFolder } from "../src/files/index.js";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { ProgressLine } from "../src/cli/terminal/progress-line.js";
import { InputError } from "../src/errors.js";
import { HostTensor } from "../src/graph/index.js";
import { parameterList, parseConfig, type ObjectiveName } from "../src/model/index.js";
import type { Arrays } from "../src/runtime/index.js";
import { BridgeTowerProcessor, defaultModel } from "../src/inference/index.js";
import {
  collate,
  Learner,
  optimizerSettings,
  textBuckets,
  tokenizerMasking,
  type CollateOptions,
  type ObjectiveWeights,
  type Sample,
} from "../src/learner/index.js";
import { chart, type Point } from "./overfit/chart.js";
import { OverfitEvaluator } from "./overfit/evaluate-overfit.js";
import { readPairs, withFalseImages } from "./overfit/samples.js";

interface Phase {
  readonly objectives: ObjectiveWeights;
  /** Pairs in a step. */
  readonly batch: number;
  readonly steps: number;
  readonly learning_rate: number;
}

const setup = {
  seed: 0,
  pairs: 64,
  /** Towers first: contrast alone runs no cross-modal layer. */
  phases: [
    { objectives: { itc: 1 }, batch: 64, steps: 100, learning_rate: 1e-3 },
    { objectives: { itm: 1, itc: 1, mlm: 1, vqa: 0.1 }, batch: 32, steps: 600, learning_rate: 1e-3 },
  ] satisfies Phase[],
  /** Of training; evaluation uses the authors' probability. */
  mlm_prob: 0.3,
  /** Steps between evaluations. */
  judgedEvery: 50,
  config: {
    model_type: "bridgetower",
    hidden_size: 128,
    num_hidden_layers: 2,
    contrastive_hidden_size: 64,
    contrastive_form: "dual",
    text_config: {
      vocab_size: 3_000,
      hidden_size: 128,
      num_hidden_layers: 3,
      num_attention_heads: 2,
      intermediate_size: 512,
      max_position_embeddings: 66,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
    },
    vision_config: { hidden_size: 128, num_hidden_layers: 3, patch_size: 16, image_size: 96 },
  },
} as const;

const { values: flags } = parseArgs({ options: { pairs: { type: "string" }, out: { type: "string" } } });
if (flags.pairs === undefined || flags.out === undefined) {
  console.error("usage: npx tsx scripts/overfit.ts --pairs FOLDER --out FOLDER");
  process.exit(2);
}

// --- Data and model

process.once("uncaughtException", (error) => {
  console.error(error instanceof InputError ? error.message : error);
  process.exit(1);
});
let stopping = false;
process.once("SIGINT", () => {
  stopping = true;
  // A second Ctrl-C ends the process at once; tsx passes on the first one although the terminal has sent it already.
  setTimeout(() => process.removeAllListeners("SIGINT"), 1000).unref();
  process.on("SIGINT", () => undefined);
});
// Now, rather than when all is trained.
await makeFolder(flags.out);

const random = new Random(setup.seed);
const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
const { samples, answers } = await readPairs(flags.pairs, setup.pairs, processor);
const json = { ...setup.config, vqav2_label_size: answers.length };
const config = parseConfig(json);
const { used } = parameterList(config, ["itm", "itc", "mlm", "vqa"]);
const initialize = initializer(config, "transformers", random.at("start"));
const values: Arrays = new Map(used.map((parameter) => [parameter.name, initialize(parameter)]));
const collating = (stream: Random, mlm_prob?: number): CollateOptions => ({
  config,
  random: stream,
  textBuckets: textBuckets(64),
  masking: tokenizerMasking(processor.tokenizer, { mlm_prob }),
});
const evaluator = await OverfitEvaluator.compile(samples, collating(random.at("judge")));

// --- Training

const progress = new ProgressLine(process.stderr);
const begun = performance.now();
const seconds = () => (performance.now() - begun) / 1000;
const points: Point[] = [];
let done = 0;

for (const [phase, { objectives, batch, steps, learning_rate }] of setup.phases.entries()) {
  const optimizer = optimizerSettings({
    learning_rate,
    max_steps: steps,
    warmup_steps: 0.05,
    lr_mult_head: 1,
    lr_mult_cross_modal: 1,
    adamw: "decoupled",
  });
  const learner = new Learner(values, { config, objectives, optimizer });
  const names = Object.keys(objectives) as ObjectiveName[];
  const report = progress.start(names.join(" + "));
  let sums = names.map(() => 0);
  for (let t = 0; t < steps && !stopping; t++) {
    const stream = random.at("phase", phase, "step", t);
    const chosen = withFalseImages(batchOf(batch, t, random.at("phase", phase)), stream);
    const { objectives: results } = await learner.step(t, [
      collate(chosen, objectives, collating(stream, setup.mlm_prob)),
    ]);
    sums = sums.map((sum, i) => sum + results[names[i]!]!.loss);
    report(t + 1, steps);
    done++;
    if ((t + 1) % setup.judgedEvery !== 0 && t + 1 !== steps && !stopping) continue;
    const losses = names.map((name, i) => [name, rounded(sums[i]! / ((t % setup.judgedEvery) + 1))] as const);
    const scores = await evaluator.scores(values);
    points.push({ step: done, seconds: rounded(seconds()), losses: Object.fromEntries(losses), scores });
    progress.clear();
    console.log(JSON.stringify(points.at(-1)));
    sums = names.map(() => 0);
  }
  await learner.dispose();
}
await evaluator.dispose();

// --- What there is, also after Ctrl-C

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const parameters = used.reduce((sum, { name }) => sum + values.get(name)!.length, 0);
const head = { ...setup, answers: answers.length, parameters };
const lines = [head, ...points].map((line) => `${JSON.stringify(line)}\n`);
await writeFile(join(docs, "overfit.jsonl"), lines.join(""));
await writeFile(
  join(docs, "overfit.svg"),
  chart(points, `${samples.length} pairs overfitted, ${(parameters / 1e6).toFixed(1)} M parameters: loss`),
);
const files = await processorFiles(defaultModel);
const tensors = used.map(({ name, shape }) => {
  return [name, new HostTensor("float32", shape, values.get(name)!)] as const;
});
await saveCheckpoint(flags.out, {
  config: json,
  parameters: new Map(tensors),
  documents: { "answers.json": answers },
  files: new Map([...files].filter(([name]) => name !== "answers.json")),
});
console.log(`${done} steps in ${seconds().toFixed(0)} s; the model is in ${flags.out}`);

/** The samples of a step: every epoch has each once, in a new order. */
function batchOf(size: number, t: number, random: Random): Sample[] {
  const perEpoch = samples.length / size;
  const order = random.at("epoch", Math.floor(t / perEpoch)).permutation(samples.length);
  const start = (t % perEpoch) * size;
  return Array.from(order.subarray(start, start + size), (i) => samples[i]!);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
