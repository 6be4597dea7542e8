/** From samples to weights that know them: every objective is learnt on eight made-up samples. */
import { expect, onTestFinished, test } from "vitest";
import { HostTensor } from "../graph/index.js";
import { headsOf, parameterList, type ObjectiveName } from "../model/index.js";
import { collate } from "./collate.js";
import { textBuckets } from "./collation.js";
import { initializer } from "../conversion/initialize.js";
import { Learner } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";
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
