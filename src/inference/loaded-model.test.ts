/**
 * Weights that are not finite: named when they spoil an answer, and no matter otherwise. That shows from outside which
 * parts of the model each task computes.
 */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { heads } from "../model/index.js";
import { BridgeTower } from "./index.js";
import { fillWeights, tinyCheckpoint, tinyConfig } from "./tiny-checkpoint.test-support.js";

const image = {
  width: 40,
  height: 32,
  data: Uint8Array.from({ length: 40 * 32 * 3 }, (_, i) => (i * 37) % 256),
};
const tasks = {
  match: async (model: BridgeTower) => model.match([image], ["a cat"]),
  fillMask: async (model: BridgeTower) => model.fillMask(image, "a <mask>"),
  embedText: async (model: BridgeTower) => model.embedText(["a cat"]),
  embedImage: async (model: BridgeTower) => model.embedImage([image]),
  embedPair: async (model: BridgeTower) => model.embedPair([image], ["a cat"]),
  answer: async (model: BridgeTower) => model.answer(image, "a cat"),
  entail: async (model: BridgeTower) => model.entail(image, "a cat"),
  compare: async (model: BridgeTower) => model.compare(image, image, "a cat"),
};
type Task = keyof typeof tasks;
const taskNames = Object.keys(tasks) as Task[];

/** What a task gives on a checkpoint in which the weights of these names are NaN. */
async function answer(task: Task, spoilt: RegExp): Promise<unknown> {
  const folder = await tinyCheckpoint({
    config: tinyConfig({ token_type_count: 3, vqav2_label_size: 3, id2label: ["yes", "no", "two"] }),
    heads,
    edit: (weights) => fillWeights(weights, spoilt, NaN),
  });
  const model = await BridgeTower.fromPretrained(folder);
  try {
    return await tasks[task](model);
  } finally {
    await model.dispose();
  }
}

const nothing = /^$/;
const withoutVision: Task[] = ["embedText"];
const withoutText: Task[] = ["embedImage"];

test.each<[string, RegExp, readonly Task[]]>([
  ["the vision tower", /^vision_model\./, withoutVision],
  ["the text tower", /^text_model\./, withoutText],
  ["the cross-modal layers", /^cross_modal_.*_layers\./, ["embedText", "embedImage"]],
  // The contrastive image embedding goes through the transform and the token type, the text embedding does not.
  ["the image transform", /^cross_modal_image_transform\./, withoutVision],
  ["the text transform", /^cross_modal_text_transform\./, ["embedText", "embedImage"]],
  ["the last cross-modal image layer", /^cross_modal_image_layers\.1\./, ["fillMask", "embedText", "embedImage"]],
  ["the poolers", /^cross_modal_.*_pooler\./, ["fillMask", "embedText", "embedImage"]],
  ["the text tower's own pooler", /^text_model\.pooler\./, taskNames],
  ["the ITM head", /^itm_/, taskNames.filter((task) => task !== "match")],
  ["the MLM head", /^mlm_/, taskNames.filter((task) => task !== "fillMask")],
  ["the joint contrastive head", /^itc_cross/, taskNames.filter((task) => task !== "embedPair")],
  ["the VQA head", /^vqa_/, taskNames.filter((task) => task !== "answer")],
  ["the SNLI-VE head", /^snli_/, taskNames.filter((task) => task !== "entail")],
  ["the NLVR2 head", /^nlvr2_/, taskNames.filter((task) => task !== "compare")],
  ["the ranking head", /^rank_/, taskNames],
  ["the temperature of the contrastive loss", /^logit_scale/, taskNames],
])("NaN in %s spoils only what reads it", async (_, spoilt, unharmed) => {
  for (const task of taskNames) {
    if (unharmed.includes(task)) expect(await answer(task, spoilt)).toEqual(await answer(task, nothing));
    else await expect(answer(task, spoilt)).rejects.toThrow(/expected finite weights, found NaN or infinity/);
  }
});

async function complaint(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

test.each([NaN, Infinity, -Infinity])("a weight of %d is named", async (value) => {
  const name = "cross_modal_text_layers.1.intermediate.dense.bias";
  const folder = await tinyCheckpoint({
    edit: (weights) => void ((weights.get(name)!.data as Float32Array)[7] = value),
  });
  const model = await BridgeTower.fromPretrained(folder);
  expect(await complaint(model.match([image], ["a cat"]))).toBe(
    `${name} in ${folder}: expected finite weights, found NaN or infinity. ` +
      "Download the checkpoint again, or save it again from finite weights.",
  );
});

test("an infinite weight is named where tanh would hide it", async () => {
  const name = "cross_modal_image_pooler.dense.bias";
  const folder = await tinyCheckpoint({
    edit: (weights) => void ((weights.get(name)!.data as Float32Array)[7] = Infinity),
  });
  const model = await BridgeTower.fromPretrained(folder);
  expect(await complaint(model.match([image], ["a cat"]))).toContain(`${name} in ${folder}: expected finite weights`);
});

test("finite weights that overflow are told apart from broken ones", async () => {
  const folder = await tinyCheckpoint({ edit: (weights) => fillWeights(weights, /^itm_score\.fc\.weight/, 3e38) });
  const model = await BridgeTower.fromPretrained(folder);
  expect(await complaint(model.match([image], ["a cat"]))).toBe(
    `logits of the model in ${folder}: expected finite numbers, found NaN or infinity from finite weights. ` +
      "The weights are too large for float32: check the checkpoint and its config.json.",
  );
});

test("a device that this machine lacks is an error, never a silent fall-back", async () => {
  const model = await BridgeTower.fromPretrained(await tinyCheckpoint(), { device: "coreml" });
  expect(await complaint(model.embedText(["a cat"]))).toMatch(/^device coreml: expected a device .* or use cpu\.$/);
  await model.dispose();
});

test("weights that vanish after they were opened are an error that names the file; once they are back, all is well", async () => {
  const folder = await tinyCheckpoint();
  const model = await BridgeTower.fromPretrained(folder);
  const weights = join(folder, "model.safetensors");
  await rename(weights, `${weights}.away`);
  expect(await complaint(model.embedText(["a cat"]))).toContain("model.safetensors");
  await rename(`${weights}.away`, weights);
  expect(await model.embedText(["a cat"])).toHaveLength(1);
});
