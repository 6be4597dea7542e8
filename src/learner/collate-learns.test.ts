/** From samples to weights that know them: every objective is learnt on eight made-up samples. */
import { expect, onTestFinished, test } from "vitest";
import { HostTensor } from "../graph/index.js";
import { headsOf, parameterList, type ObjectiveName } from "../model/index.js";
import { collate } from "./collate.js";
import { textBuckets } from "./collation.js";
import { initializer } from "../conversion/initialize.js";
import { Learner } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";
import { Uint8Pixels } from "../processing/index.js";
import { Random } from "../random/index.js";
import type { Sample } from "./sample.js";
import { tinyWithoutDropout } from "./tiny-config.test-support.js";

const count = 8;
const random = new Random(11);

function image(id: number) {
  const pixel_values = HostTensor.zeros("float32", [3, 32, 32]);
  random.at("image", id).fillNormal(pixel_values.data, 1);
  return { id, pixel_values };
}

function text(label: string, index: number) {
  const stream = random.at(label, index);
  return [0, ...Array.from({ length: 5 }, () => 3 + stream.below(110)), 2];
}

const sample = (index: number): Sample => ({
  index,
  image: image(index),
  caption: text("caption", index),
  // Images without a caption: a model learns to distinguish them in a few steps on every machine.
  falseImage: image(count + index),
  falseTexts: [1, 2].map((step) => text("caption", (index + step) % count)),
  question: { text: text("question", index), scores: new Map([[index % 6, 1]]) },
  hypothesis: { text: text("hypothesis", index), label: index % 3 },
  statement: { text: text("statement", index), secondImage: image((index + 1) % count), label: index % 2 },
});

test.each<[form: "joint" | "dual", objectives: readonly ObjectiveName[], steps: number]>([
  ["joint", ["mlm", "itm", "itc"], 60],
  ["dual", ["itm_itc", "irtr", "vqa", "snli", "nlvr2"], 40],
])("the losses of the %s form fall: %j", async (contrastive_form, names, steps) => {
  const config = tinyWithoutDropout({ contrastive_form, token_type_count: 3, vqav2_label_size: 6 });
  const { used } = parameterList(config, [...new Set(names.flatMap((name) => headsOf(name)))]);
  const initialize = initializer(config, "transformers", random.at("start"));
  const objectives = Object.fromEntries(names.map((name) => [name, 1]));
  const learner = new Learner(new Map(used.map((parameter) => [parameter.name, initialize(parameter)])), {
    threads: 1,
    config,
    objectives,
    optimizer: optimizerSettings({
      learning_rate: 4e-3,
      lr_mult_head: 1,
      lr_mult_cross_modal: 1,
      warmup_steps: 0.1,
      max_steps: steps,
      adamw: "decoupled",
    }),
  });
  onTestFinished(() => learner.dispose());
  const samples = Array.from({ length: count }, (_, index) => sample(index));
  const batch = (...labels: readonly (string | number)[]) =>
    collate(samples, objectives, {
      config,
      random: random.at(...labels),
      textBuckets: textBuckets(8),
      masking: { mlm_prob: 0.3, vocab_size: 120, mask_token_id: 119, specialIds: new Set([0, 1, 2, 119]) },
    });
  const evaluated = batch("judge");
  const before = await learner.evaluate(evaluated);
  for (let t = 0; t < steps; t++) await learner.step(t, [batch("step", t)]);
  const after = await learner.evaluate(evaluated);
  // Guessing by frequency alone, as a model that sees neither text nor image does, stays above 0.6 of the start.
  for (const name of names) {
    expect(after[name]!.loss / before[name]!.loss, `${name}, to ${after[name]!.loss}`).toBeLessThan(0.6);
  }
});

test("images in 8 bits and the same images in float32 give the same numbers, bit for bit", async () => {
  const config = tinyWithoutDropout({ contrastive_form: "joint" });
  const objectives = { itm: 1, itc: 1 };
  const { used } = parameterList(config, ["itm", "itc"]);
  const levelValues = [1, 2, 3].map((factor) => Float32Array.from({ length: 256 }, (_, i) => (factor * i) / 255 - 0.7));
  const levels = (id: number) => Uint8Array.from({ length: 3 * 32 * 32 }, (_, i) => (i * 31 + id * 77) % 251);
  const uint8 = (id: number) => new Uint8Pixels([3, 32, 32], levels(id), levelValues);
  const float32 = (id: number) => uint8(id).normalised();
  const trained = async (pixels: (id: number) => Sample["image"]["pixel_values"] | Promise<HostTensor<"float32">>) => {
    const initialize = initializer(config, "transformers", random.at("start"));
    const values = new Map(used.map((parameter) => [parameter.name, initialize(parameter)]));
    const optimizer = optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: 2 });
    await using learner = new Learner(values, { threads: 1, config, objectives, optimizer });
    const microBatch = async (first: number) => {
      const samples = [first, first + 1, first + 2].map(async (index) => ({
        ...sample(index),
        image: { id: index, pixel_values: await pixels(index) },
        falseImage: { id: 100 + index, pixel_values: await pixels(100 + index) },
      }));
      const collating = { config, random: random.at("step", first), textBuckets: textBuckets(8), imageMultiple: 5 };
      return collate(await Promise.all(samples), objectives, collating);
    };
    const microBatches = [await microBatch(0), await microBatch(3)];
    const reports = [await learner.step(0, microBatches), await learner.evaluate(microBatches[0]!)];
    return { reports, values: await learner.read((state) => new Map(state.values)) };
  };
  const [ofUint8, ofFloat32] = [await trained(uint8), await trained(float32)];
  expect(ofUint8.reports).toEqual(ofFloat32.reports);
  for (const [name, values] of ofUint8.values) {
    expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(ofFloat32.values.get(name)!.buffer)), name).toBe(0);
  }
});
