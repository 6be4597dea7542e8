/** Errors of checkpoints whose weights do not match config.json. */
import { rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import {
  BridgeTower,
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerModel,
} from "./index.js";
import { tinyCheckpoint, tinyConfig, type Weights } from "./tiny-checkpoint.test-support.js";

/** The message of an InputError without the checkpoint's temporary folder. */
async function complaint(folder: string, action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message.replaceAll(folder, "FOLDER");
}

function rename(weights: Weights, from: string, to: string): void {
  weights.set(to, weights.get(from)!);
  weights.delete(from);
}

test("a class whose head the checkpoint lacks names the missing parameters", async () => {
  const bare = await tinyCheckpoint({ heads: [] });
  await BridgeTowerModel.fromPretrained(bare);
  expect(await complaint(bare, BridgeTowerForImageAndTextRetrieval.fromPretrained(bare))).toBe(
    "FOLDER/model.safetensors: expected the weights of a BridgeTower with the heads itm of this config.json, " +
      "found 2 missing (itm_score.fc.weight, itm_score.fc.bias). " +
      "This checkpoint was saved without that head: name one that has it.",
  );
  expect(await complaint(bare, BridgeTowerForMaskedLM.fromPretrained(bare))).toContain("6 missing (mlm_score.");
  expect(await complaint(bare, BridgeTowerForContrastiveLearning.fromPretrained(bare))).toContain(
    "7 missing (itc_text_head.fc.weight",
  );
});

test("a task whose head is missing is an error when it is called; the others work", async () => {
  const folder = await tinyCheckpoint({ heads: ["itm"] });
  const model = await BridgeTower.fromPretrained(folder);
  const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) };
  expect(await complaint(folder, model.fillMask(image, "a <mask>"))).toContain("the heads mlm");
  expect(await complaint(folder, model.embedText(["a cat"]))).toContain("the heads itc");
  expect(await complaint(folder, model.embedImage([image]))).toContain("the heads itc");
  expect(await complaint(folder, model.embedPair([image], ["a cat"]))).toContain("the heads itc");
  expect(await complaint(folder, model.answer(image, "a cat"))).toContain("6 missing (vqa_classifier.0.weight");
  expect(await complaint(folder, model.entail(image, "a cat"))).toContain("6 missing (snli_classifier.0.weight");
  expect(await complaint(folder, model.compare(image, image, "a cat"))).toMatch(
    /the heads nlvr2 .* 6 missing \(nlvr2_classifier\.0\.weight.* name one that has it\.$/,
  );
  expect(await model.match([image], ["a cat"])).toHaveLength(1);
});

test("missing, misshapen and surplus names are reported together, with the likely mistake", async () => {
  const folder = await tinyCheckpoint({
    edit: (weights) => {
      rename(weights, "cross_modal_text_pooler.dense.bias", "cross_modal_text_poolr.dense.bias");
      weights.set("token_type_embeddings.weight", HostTensor.zeros("float32", [3, 64]));
    },
  });
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toBe(
    "FOLDER/model.safetensors: expected the weights of a BridgeTower of this config.json, " +
      "found 1 missing (cross_modal_text_pooler.dense.bias); " +
      "1 misshapen (token_type_embeddings.weight: [3, 64] in the file, [2, 64] by config.json); " +
      "1 surplus (cross_modal_text_poolr.dense.bias). " +
      "Config and weights disagree; cross_modal_text_pooler.dense.bias may be cross_modal_text_poolr.dense.bias.",
  );
});

test("a long list of names is cut short", async () => {
  const config = tinyConfig({}, { num_hidden_layers: 4 }, { num_hidden_layers: 4 });
  const folder = await tinyCheckpoint();
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const message = await complaint(folder, BridgeTowerModel.fromPretrained(folder));
  expect(message).toMatch(/found 28 missing \(text_model\.encoder\.layer\.3\..* and 16 more\)/);
  expect(message).toMatch(/use the config\.json published with these weights\.$/);
  expect(message.length).toBeLessThan(2000);
});

test.each([
  [
    "a wider text tower",
    tinyConfig({ hidden_size: 128 }, { hidden_size: 128 }),
    "text_model.embeddings.word_embeddings",
  ],
  ["a larger vocabulary", tinyConfig({}, { vocab_size: 301 }), "[300, 64] in the file, [301, 64] by config.json"],
  ["longer texts", tinyConfig({}, { max_position_embeddings: 24 }), "[20, 64] in the file, [24, 64] by config.json"],
  ["larger images", tinyConfig({}, {}, { image_size: 48 }), "[17, 64] in the file, [37, 64] by config.json"],
  ["another link tower", tinyConfig({ link_tower_type: "scaled_add" }), "link_tower.0.scaled_factor"],
])("config.json that announces %s than the weights have is refused", async (_, config, expected) => {
  const folder = await tinyCheckpoint();
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toContain(expected);
});

test("unused weights may be missing, but must not contradict the config", async () => {
  await BridgeTowerModel.fromPretrained(
    await tinyCheckpoint({
      edit: (weights) => {
        weights.delete("text_model.pooler.dense.weight");
        weights.delete("text_model.pooler.dense.bias");
      },
    }),
  );
  const folder = await tinyCheckpoint({
    edit: (weights) => weights.set("text_model.pooler.dense.bias", HostTensor.zeros("float32", [65])),
  });
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toContain("1 misshapen");
});

test("unknown names give one warning", async () => {
  const warnings: string[] = [];
  const folder = await tinyCheckpoint({
    edit: (weights) => {
      weights.set("spare.weight", HostTensor.zeros("float32", [1]));
      weights.set("spare.bias", HostTensor.zeros("float32", [1]));
      // Other heads and what trains them are known, though this task does not read them.
      weights.set("vqa_classifier.0.weight", HostTensor.zeros("float32", [1]));
      weights.set("rank_output.bias", HostTensor.zeros("float32", [1]));
      weights.set("temperature", HostTensor.zeros("float32", []));
    },
  });
  const model = await BridgeTower.fromPretrained(folder, { onWarning: (message) => warnings.push(message) });
  await model.embedText(["a cat"]);
  await model.embedText(["a dog"]);
  expect(warnings.map((message) => message.replace(folder, "FOLDER"))).toEqual([
    "FOLDER/model.safetensors: ignored 2 unknown names, such as spare.weight",
  ]);
});

test("an unknown name may be of any length", async () => {
  const warnings: string[] = [];
  const folder = await tinyCheckpoint({
    edit: (weights) => void weights.set("x".repeat(2 ** 20), HostTensor.zeros("float32", [1])),
  });
  await BridgeTowerModel.fromPretrained(folder, { onWarning: (message) => warnings.push(message) });
  expect(warnings[0]!.length).toBeLessThan(1000);
});

test("config.json that is missing, no JSON or wrong is named", async () => {
  const folder = await tinyCheckpoint();
  await writeFile(join(folder, "config.json"), JSON.stringify(tinyConfig({ link_tower_type: "ad" })));
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toContain(
    'link_tower_type in FOLDER/config.json: expected one of add, scaled_add, interpolate, found "ad".',
  );
  await writeFile(join(folder, "config.json"), "{");
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toMatch(
    /^FOLDER\/config\.json: expected a JSON object/,
  );
  await rm(join(folder, "config.json"));
  await symlink("/dev/zero", join(folder, "config.json"));
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toContain("not a regular file");
  await rm(join(folder, "config.json"));
  expect(await complaint(folder, BridgeTowerModel.fromPretrained(folder))).toBe(
    "FOLDER/config.json: expected the model's configuration, found no such file. " +
      "Pass the folder of a checkpoint in Hugging Face layout.",
  );
});
