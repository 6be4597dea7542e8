/** Stage by stage against transformers: the first stage that differs is named. */
import { expect, test } from "vitest";
import { goldenNames, readCase, readExpected, tinyStoredTensor } from "../../fixtures/golden.js";
import { deviation, firstDifference, lossTolerance } from "../../fixtures/tolerance.js";
import { input, type Tensor } from "../graph/index.js";
import { crossEntropy } from "../nn/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { pairGraph, type PairGraph } from "../inference/sub-graphs.js";
import { jointContrastiveLoss } from "./index.js";
import { trainingFeeds } from "./training-feeds.test-support.js";

/** Reference name -> tensor, in the order in which the model computes them. */
function stages(model: PairGraph): Record<string, Tensor> {
  const numbered = (prefix: string, tensors: readonly (Tensor | undefined)[]) =>
    Object.fromEntries(tensors.flatMap((t, i) => (t === undefined ? [] : [[`${prefix}.${i}`, t]])));
  const { levels } = model;
  return {
    ...numbered("hidden_states.text", model.text.states),
    ...numbered("hidden_states.image", model.image.states),
    ...numbered(
      "attentions.text",
      levels.map((level) => level.textProbabilities),
    ),
    ...numbered(
      "attentions.image",
      levels.map((level) => level.imageProbabilities),
    ),
    ...numbered(
      "hidden_states.cross_text",
      levels.map((level) => level.text),
    ),
    ...numbered(
      "hidden_states.cross_image",
      levels.map((level) => level.image),
    ),
    text_features: levels.at(-1)!.text,
    image_features: levels.at(-1)!.image,
    pooler_output: model.pooler_output,
  };
}

test.each(goldenNames)("%s: every stage equals the reference", async (name) => {
  const golden = readCase(name);
  const expected = await readExpected(name);
  const { config, inputs } = golden;
  const image =
    inputs.pixel_values === undefined
      ? "embeds"
      : { height: inputs.pixel_values.shape[2]!, width: inputs.pixel_values.shape[3]! };
  const model = pairGraph(config, { image });
  const tensors: Record<string, Tensor> = {
    ...stages(model),
    "itm.logits": model.heads("itm").logits!,
    "mlm.logits": model.heads("mlm").mlm_logits!,
  };
  if (expected.has("itc.text_embeds")) {
    for (const [key, embeds] of Object.entries(model.heads("itc"))) tensors[`itc.${key}`] = embeds;
  }
  const wanted = Object.keys(tensors).filter((key) => expected.has(key));
  const losses: Readonly<Record<"itm" | "mlm" | "itc", () => Tensor>> = {
    itm: () => crossEntropy(model.heads("itm").logits!, input("itm_labels", "int64", ["batch"])),
    mlm: () => crossEntropy(model.heads("mlm").mlm_logits!, input("mlm_labels", "int64", ["batch", "text"])),
    itc: () => {
      const { text_embeds: text, image_embeds: image, cross_embeds: cross } = model.heads("itc");
      return jointContrastiveLoss(model.p, { text: text!, image: image!, cross: cross! });
    },
  };
  const wantedLosses = Object.entries(golden.losses) as [keyof typeof losses, number][];
  const outputs = {
    ...Object.fromEntries(wanted.map((key) => [key, tensors[key]!])),
    ...Object.fromEntries(wantedLosses.map(([key]) => [`losses.${key}`, losses[key]()])),
  };
  const [results] = await evaluateAll(outputs, [trainingFeeds(golden)], tinyStoredTensor);
  expect([...expected.keys()].filter((key) => !wanted.includes(key))).toEqual([]);
  expect(
    firstDifference(
      wanted,
      (key) => results![key],
      (key) => expected.get(key),
    ),
  ).toBeUndefined();
  const wrongLosses = wantedLosses.filter(
    ([key, value]) => deviation([results![`losses.${key}`]!.at()], [value], lossTolerance) > 1,
  );
  expect(wrongLosses).toEqual([]);
});
