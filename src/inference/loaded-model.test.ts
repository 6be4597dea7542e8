/**
 * Weights that are not finite: named if they affect a result, and ignored otherwise. This shows which parts of the model each task
 * computes. Also tests how often files are read, and graphs built and cached.
 */
import fs, { rename } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { heads } from "../model/index.js";
import { CompiledGraph, Runtime } from "../runtime/index.js";
import { BridgeTower, BridgeTowerModel, defaultModel } from "./index.js";
import { LoadedModel, prefetch } from "./loaded-model.js";
import { parts } from "./parts.js";
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

/** A model with every head, in which the weights of these names are NaN. */
async function openSpoilt(spoilt: RegExp): Promise<BridgeTower> {
  const folder = await tinyCheckpoint({
    config: tinyConfig({ token_type_count: 3, vqav2_label_size: 3, id2label: ["yes", "no", "two"] }),
    heads,
    edit: (weights) => fillWeights(weights, spoilt, NaN),
  });
  return BridgeTower.fromPretrained(folder);
}

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
  await using unspoilt = await openSpoilt(/^$/);
  await using model = await openSpoilt(spoilt);
  for (const task of taskNames) {
    if (unharmed.includes(task)) expect(await tasks[task](model)).toEqual(await tasks[task](unspoilt));
    else await expect(tasks[task](model)).rejects.toThrow(/expected finite weights, found NaN or infinity/);
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

test("an infinite weight is named even if tanh hides it", async () => {
  const name = "cross_modal_image_pooler.dense.bias";
  const folder = await tinyCheckpoint({
    edit: (weights) => void ((weights.get(name)!.data as Float32Array)[7] = Infinity),
  });
  const model = await BridgeTower.fromPretrained(folder);
  expect(await complaint(model.match([image], ["a cat"]))).toContain(`${name} in ${folder}: expected finite weights`);
});

test("finite weights that overflow are distinguished from broken ones", async () => {
  const folder = await tinyCheckpoint({ edit: (weights) => fillWeights(weights, /^itm_score\.fc\.weight/, 3e38) });
  const model = await BridgeTower.fromPretrained(folder);
  expect(await complaint(model.match([image], ["a cat"]))).toBe(
    `logits of the model in ${folder}: expected finite numbers, found NaN or infinity from finite weights. ` +
      "The weights are too large for float32: check the checkpoint and its config.json.",
  );
});

test("a device that this machine lacks is an error, without a fallback", async () => {
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

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

test("config.json is read once, and each sub-graph is built once", async () => {
  const opened = vi.spyOn(fs, "open");
  syncBuiltinESMExports();
  const built: string[] = [];
  for (const part of Object.keys(parts) as (keyof typeof parts)[]) {
    const build = parts[part];
    vi.spyOn(parts, part).mockImplementation((config) => {
      built.push(part);
      return build(config);
    });
  }
  const model = await BridgeTower.fromPretrained(defaultModel, { prepare: ["match", "answer"] });
  await model.match([image, image], ["a cat", "a dog"]);
  await model.answer(image, "what is this?");
  const names = opened.mock.calls.map(([path]) => basename(String(path)));
  expect(names.filter((name) => name === "config.json")).toHaveLength(1);
  expect(built.sort()).toEqual(["fusion itm", "fusion vqa", "image", "text"]);
  await model.dispose();
});

test("an unknown task in prepare is refused, with the nearest name", async () => {
  expect(await complaint(BridgeTower.fromPretrained(defaultModel, { prepare: ["matches" as "match"] }))).toBe(
    'prepare[0]: expected one of match, fillMask, embedText, embedImage, embedPair, answer, entail, compare, found "matches". ' +
      "The nearest is match.",
  );
});

test("the number of compiled graphs is bounded, and a freed graph is compiled again", async () => {
  const compile = vi.spyOn(Runtime.prototype, "compile");
  const dispose = vi.spyOn(CompiledGraph.prototype, "dispose");
  const model = await BridgeTowerModel.fromPretrained(await tinyCheckpoint());
  const ids = new HostTensor("int64", [1, 3], BigInt64Array.of(0n, 100n, 2n));
  const forward = (size: number) =>
    model.forward(
      { input_ids: ids, pixel_values: HostTensor.zeros("float32", [1, 3, size, 8]) },
      { interpolatePosEncoding: true },
    );
  const sizes = Array.from({ length: 20 }, (_, i) => 8 * (i + 1));
  const first = await forward(sizes[0]!);
  for (const size of sizes) await forward(size);
  expect([compile.mock.calls.length, dispose.mock.calls.length]).toEqual([20, 4]);
  await forward(sizes.at(-1)!);
  expect(compile).toHaveBeenCalledTimes(20);
  expect((await forward(sizes[0]!)).pooler_output).toEqual(first.pooler_output);
  expect([compile.mock.calls.length, dispose.mock.calls.length]).toEqual([21, 5]);
  await model.dispose();
});

test("a run whose signal is aborted rejects with the signal's reason", async () => {
  const model = await LoadedModel.open(await tinyCheckpoint());
  const feeds = { input_ids: HostTensor.zeros("int64", [1, 3]), attention_mask: HostTensor.zeros("int64", [1, 3]) };
  const reason = new Error("the user left");
  await expect(model.run("text", feeds, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(Object.keys(await model.run("text", feeds))).not.toHaveLength(0);
  await model.dispose();
});

test("entries are returned in order, and each is loaded one step ahead", async () => {
  const log: string[] = [];
  const load = (entry: string) => {
    log.push(`load ${entry}`);
    return Promise.resolve(entry.toUpperCase());
  };
  const entries = prefetch(["a", "b", "c"], load);
  expect(log).toEqual(["load a"]);
  for await (const [index, loaded] of entries) log.push(`use ${index} ${loaded}`);
  expect(log).toEqual(["load a", "load b", "use 0 A", "load c", "use 1 B", "use 2 C"]);
});

test("a failed load throws when its turn comes, after the entries before it", async () => {
  const used: string[] = [];
  const load = (entry: string) => (entry === "b" ? Promise.reject(new Error("b is broken")) : Promise.resolve(entry));
  const useAll = async () => {
    for await (const [, loaded] of prefetch(["a", "b", "c"], load)) used.push(loaded);
  };
  await expect(useAll()).rejects.toThrow("b is broken");
  expect(used).toEqual(["a"]);
});

test("an empty list loads nothing", async () => {
  for await (const entry of prefetch([], () => Promise.reject(new Error("not called"))))
    expect.unreachable(String(entry));
});
