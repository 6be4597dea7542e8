/** Stage by stage against transformers: the first stage that differs is named. */
import { expect, test } from "vitest";
import { goldenNames, readCase, readExpected, tinyStoredTensor } from "../../fixtures/golden.js";
import { firstDifference } from "../../fixtures/tolerance.js";
import { HostTensor, type Tensor } from "../graph/index.js";
import { CompiledGraph } from "../runtime/index.js";
import { wholeModel } from "./index.js";

/** Reference name -> tensor, in the order in which the model computes them. */
function stages(model: ReturnType<typeof wholeModel>): Record<string, Tensor> {
  const numbered = (prefix: string, tensors: readonly (Tensor | undefined)[]) =>
    Object.fromEntries(tensors.flatMap((t, i) => (t === undefined ? [] : [[`${prefix}.${i}`, t]])));
  const { levels } = model;
  return {
    ...numbered("hidden_states.text", model.textStates),
    ...numbered("hidden_states.image", model.imageStates),
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
  const picture =
    inputs.pixel_values === undefined
      ? "embeds"
      : { height: inputs.pixel_values.shape[2]!, width: inputs.pixel_values.shape[3]! };
  const model = wholeModel(config, picture, "all");
  const tensors: Record<string, Tensor> = {
    ...stages(model),
    "itm.logits": model.itmLogits(),
    "mlm.logits": model.mlmLogits(),
  };
  if (expected.has("itc.text_embeds")) {
    tensors["itc.text_embeds"] = model.text_embeds();
    tensors["itc.image_embeds"] = model.image_embeds();
    tensors["itc.cross_embeds"] = model.cross_embeds();
  }
  const wanted = Object.keys(tensors).filter((key) => expected.has(key));
  const outputs = Object.fromEntries(wanted.map((key) => [key, tensors[key]!]));
  const graph = await CompiledGraph.compile(outputs, tinyStoredTensor);
  const { input_ids } = inputs;
  const ones = new HostTensor("int64", input_ids.shape, new BigInt64Array(input_ids.data.length).fill(1n));
  const results = await graph.run({ attention_mask: ones, ...inputs });
  await graph.dispose();
  expect([...expected.keys()].filter((key) => !wanted.includes(key))).toEqual([]);
  expect(
    firstDifference(
      wanted,
      (key) => results[key],
      (key) => expected.get(key),
    ),
  ).toBeUndefined();
});
