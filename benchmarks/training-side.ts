/**
 * This package's side of the training benchmark: for each line of input it takes a training step and prints a line of JSON. It is a separate
 * process, so that its memory can be measured; it runs the built package, whose path its parent passes.
 *
 *   training-side.ts FOLDER BATCH RECOMPUTE [PROFILE]
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type * as training from "bridgetower/learner";
import type * as model from "../src/model/index.js";
import { HostTensor } from "../src/graph/index.js";

const built = (path: string) => new URL(`../dist/${path}/index.js`, import.meta.url).href;
const { Learner, openStart, optimizerSettings, startingValues } = (await import(built("learner"))) as typeof training;
const { parameterList, parseConfig } = (await import(built("model"))) as typeof model;

const [folder, batchFile, recompute, profile] = process.argv.slice(2) as [string, string, training.Recompute, string?];
const { input_ids, labels, side } = JSON.parse(readFileSync(batchFile, "utf8")) as {
  input_ids: number[][];
  labels: number[];
  side: number;
};

const json = JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as { text_config: object };
const noDropout = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
const config = parseConfig({ ...json, text_config: { ...json.text_config, ...noDropout } });
const { values } = await startingValues(parameterList(config, ["itm"]).used, [await openStart(folder)], ({ name }) => {
  throw new Error(`${name} is not in ${folder}`);
});
const learner = new Learner(values, {
  config,
  objectives: { itm: 1 },
  recompute,
  optimizer: optimizerSettings({ learning_rate: 1e-5, warmup_steps: 0, max_steps: 1_000, adamw: "decoupled" }),
  profile,
});

const count = input_ids.length;
const int64 = (shape: readonly number[], numbers: readonly number[]) =>
  new HostTensor("int64", shape, BigInt64Array.from(numbers, BigInt));
const rows = int64([count], [...input_ids.keys()]);
const batch = {
  input_ids: int64([count, input_ids[0]!.length], input_ids.flat()),
  attention_mask: int64([count, input_ids[0]!.length], input_ids.flat().fill(1)),
  pixel_values: new HostTensor(
    "float32",
    [count, 3, side, side],
    Float32Array.from({ length: count * 3 * side * side }, (_, i) => Math.sin(i)),
  ),
  itm_texts: rows,
  itm_images: rows,
  itm_labels: int64([count], labels),
};

const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) * 1024;
console.log(JSON.stringify({ node: process.versions.node }));
let t = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "") break;
  const start = performance.now();
  const { loss } = await learner.step(t++, [batch]);
  console.log(JSON.stringify({ loss, seconds: (performance.now() - start) / 1000, peak: peak() }));
}
await learner.dispose();
