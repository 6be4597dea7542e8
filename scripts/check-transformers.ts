/**
 * Trains a tiny BridgeTower from random values for a few steps, saves it, and writes its outputs. `check-transformers.py`
 * compares them with transformers.
 *
 *   npx tsx scripts/check-transformers.ts FOLDER && python3 scripts/check-transformers.py FOLDER
 *
 * FOLDER gets a checkpoint for each class of transformers, with that head alone, `all` with the three heads together, and
 * `expected.json`.
 */
import { Random } from "../src/random/index.js";
import { initializer } from "../src/conversion/index.js";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tinyInput } from "../fixtures/tiny-weights.js";
import { type WritableTensor, saveCheckpoint } from "../src/checkpoint/index.js";
import { elementCount, HostTensor } from "../src/graph/index.js";
import { parameterList, parseConfig, type Head } from "../src/model/index.js";
import {
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
} from "../src/inference/index.js";
import { collate, Learner, optimizerSettings, type Sample } from "../src/learner/index.js";

const classes = {
  itm: BridgeTowerForImageAndTextRetrieval,
  mlm: BridgeTowerForMaskedLM,
  itc: BridgeTowerForContrastiveLearning,
} as const;
const heads = Object.keys(classes) as (keyof typeof classes)[];
const steps = 4;

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: npx tsx scripts/check-transformers.ts FOLDER");
  process.exit(2);
}

const names = new URL("../fixtures/data/model/names.json", import.meta.url);
const { configs } = JSON.parse(await readFile(names, "utf8")) as { configs: { tiny: object } };
const config = parseConfig(configs.tiny);
const random = new Random(0);
const objectives = { itm: 1, mlm: 1, itc: 1 };

/** Images and texts of formula values: only the change of the weights matters, not what is learned. */
const samples: readonly Sample[] = Array.from({ length: 4 }, (_, index) => {
  const image = (id: number) => ({
    id,
    pixel_values: new HostTensor("float32", [3, 32, 32], tinyInput(`image ${id}`, [3, 32, 32])),
  });
  const words = Array.from({ length: 4 + index }, (_, place) => 4 + ((index * 29 + place * 7) % 110));
  return { index, image: image(index), falseImage: image((index + 1) % 4), caption: [0, ...words, 2] };
});
const masking = { mlm_prob: 0.3, vocab_size: 120, mask_token_id: 119, specialIds: new Set([0, 1, 2, 3, 119]) };
const batchOf = (t: number) =>
  collate(samples, objectives, { config, random: random.at("batch", t), textBuckets: [10], masking });

// Files of transformers have unused parameters too.
const { used, unused } = parameterList(config, heads);
const initialize = initializer(config, "transformers", random);
const values = new Map([...used, ...unused].map((parameter) => [parameter.name, initialize(parameter)]));
const learner = new Learner(values, {
  config,
  objectives,
  optimizer: optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: steps }),
});
for (let t = 0; t < steps; t++) {
  const { loss, gradientNorm } = await learner.step(t, [batchOf(t)]);
  console.log(`step ${t}: loss ${loss.toFixed(4)}, gradient norm ${gradientNorm.toFixed(2)}`);
}
await learner.dispose();

for (const [name, kept] of [...heads.map((head) => [head, [head]] as const), ["all", heads] as const]) {
  await saveCheckpoint(join(folder, name), {
    config: { ...config, architectures: kept.map((head) => classes[head].name) },
    parameters: parametersWith(kept),
  });
}
const { pixel_values, input_ids, attention_mask } = batchOf(0);
const inputs = {
  pixel_values: pixel_values as HostTensor<"float32">,
  input_ids: input_ids as HostTensor<"int64">,
  attention_mask: attention_mask as HostTensor<"int64">,
};
// The true captions stand first in the stack, each with its image.
const pairs = { ...inputs, input_ids: firstRows(inputs.input_ids), attention_mask: firstRows(inputs.attention_mask) };
const expected: Record<string, unknown> = {};
for (const head of heads) {
  const model = await classes[head].fromPretrained(join(folder, head));
  const { logits } = await model.forward(pairs);
  expected[classes[head].name] = { folder: head, logits: listed(logits) };
  await model.dispose();
}
const listedInputs = Object.fromEntries(Object.entries(pairs).map(([name, tensor]) => [name, listed(tensor)]));
await writeFile(join(folder, "expected.json"), JSON.stringify({ inputs: listedInputs, classes: expected }));

function parametersWith(heads: readonly Head[]): Map<string, WritableTensor> {
  const { used, unused } = parameterList(config, heads);
  return new Map(
    [...used, ...unused].map(({ name, shape }) => [name, new HostTensor("float32", shape, values.get(name)!)]),
  );
}

function firstRows({ shape, data }: HostTensor<"int64">): HostTensor<"int64"> {
  const rows = [samples.length, ...shape.slice(1)];
  return new HostTensor("int64", rows, data.slice(0, elementCount(rows)));
}

function listed(tensor: HostTensor): { readonly shape: readonly number[]; readonly values: readonly number[] } {
  return { shape: tensor.shape, values: tensor.toArray() };
}
