/** Gradients of the training losses against central differences; the losses themselves: `model.test.ts`. */
import { expect, test } from "vitest";
import { readCase, tinyStoredTensor, type GoldenCase } from "../../../fixtures/golden.js";
import { tinyInput } from "../../../fixtures/tiny-weights.js";
import { deviation, runtimeStep, slopeTolerance } from "../../../fixtures/tolerance.js";
import { gradients, input, type Parameter, type StoredTensor, type Tensor } from "../../graph/index.js";
import { crossEntropy, Scope } from "../../nn/index.js";
import { evaluateAll } from "../../runtime/evaluate.test-support.js";
import { dot } from "../../runtime/reference.test-support.js";
import { bridgeTower } from "../bridgetower.js";
import { itmHead, mlmHead } from "../heads.js";
import { trainingFeeds } from "../training-feeds.test-support.js";

/** ITM and MLM loss over inputs of the case's own sizes: a training graph is made for its batch. */
function trainingLosses({ config, inputs }: GoldenCase): { p: Scope; itm: Tensor; mlm: Tensor } {
  const p = Scope.root();
  const { shape } = inputs.input_ids;
  const ids = input("input_ids", "int64", shape);
  const mask = input("attention_mask", "int64", shape);
  const pixel_values = input("pixel_values", "float32", inputs.pixel_values!.shape);
  const { levels, pooler_output } = bridgeTower(p, config, { input_ids: ids, attention_mask: mask, pixel_values });
  return {
    p,
    itm: crossEntropy(itmHead(p, config, pooler_output), input("itm_labels", "int64", shape.slice(0, 1))),
    mlm: crossEntropy(mlmHead(p, config, levels.at(-1)!.text), input("mlm_labels", "int64", shape)),
  };
}

/** The formula's weights, with `step` times `direction` added to one of them. */
const movedWeights =
  (name: string, direction: Float32Array, step: number) =>
  (parameter: Parameter): StoredTensor => {
    const stored = tinyStoredTensor(parameter);
    if (parameter.name !== name) return stored;
    const values = new Float32Array((stored.data as Uint8Array).slice().buffer);
    return { ...stored, data: new Uint8Array(values.map((value, i) => value + step * direction[i]!).buffer) };
  };

const differentiated = [
  ["itm", "text_model.embeddings.word_embeddings.weight"],
  ["itm", "text_model.encoder.layer.0.attention.self.value.bias"],
  ["itm", "vision_model.visual.embeddings.class_embedding"],
  ["itm", "vision_model.visual.embeddings.patch_embedding.weight"],
  ["itm", "vision_model.visual.transformer.resblocks.1.attn.in_proj_weight"],
  ["itm", "vision_model.visual.ln_post.weight"],
  ["itm", "token_type_embeddings.weight"],
  ["itm", "cross_modal_text_link_tower.0.beta"],
  ["itm", "cross_modal_image_layers.1.crossattention.self.key.weight"],
  ["itm", "itm_score.fc.bias"],
  ["mlm", "cross_modal_text_layers.1.intermediate.dense.weight"],
  ["mlm", "mlm_score.bias"],
] as const;

test.each(differentiated)("the %s loss's gradient of %s agrees with central differences", async (loss, name) => {
  const golden = readCase("interpolate");
  const { p, ...losses } = trainingLosses(golden);
  const parameter = p.parameters().find((known) => known.name === name)!;
  const [gradient] = gradients(losses[loss], [parameter]);
  const feeds = [trainingFeeds(golden)];
  const [ours] = await evaluateAll({ gradient: gradient! }, feeds, tinyStoredTensor);
  const random = tinyInput(`direction ${name}`, parameter.shape);
  const direction = random.map((value) => value / Math.sqrt(dot(random, random)));
  const lossAt = async (step: number) => {
    const [moved] = await evaluateAll({ loss: losses[loss] }, feeds, movedWeights(name, direction, step));
    return moved!.loss!.at();
  };
  const slope = ((await lossAt(runtimeStep)) - (await lossAt(-runtimeStep))) / (2 * runtimeStep);
  expect(ours!.gradient!.shape).toEqual(parameter.shape);
  expect(deviation([dot(ours!.gradient!.data as Float32Array, direction)], [slope], slopeTolerance)).toBeLessThan(1);
});

test("the losses reach every parameter of the model and of their heads", () => {
  const { p, itm, mlm } = trainingLosses(readCase("interpolate"));
  const parameters = p.parameters();
  const reached = (loss: Tensor) => gradients(loss, parameters).map((gradient) => gradient !== undefined);
  const byItm = reached(itm);
  const byMlm = reached(mlm);
  const names = (wanted: (i: number) => boolean) => parameters.flatMap(({ name }, i) => (wanted(i) ? [name] : []));
  expect(names((i) => !byItm[i] && !byMlm[i])).toEqual([]);
  expect(names((i) => !byItm[i]).every((name) => name.startsWith("mlm_score."))).toBe(true);
  const pairOnly = /^(itm_score|cross_modal_(text|image)_pooler|cross_modal_image_layers\.1)\./;
  expect(names((i) => !byMlm[i])).toEqual(names((i) => pairOnly.test(parameters[i]!.name)));
});
