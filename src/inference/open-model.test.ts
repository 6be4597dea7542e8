/** Sizes of the task classifiers: from the weights, and when from config.json. */
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HostTensor } from "../graph/index.js";
import { parseConfig } from "../model/index.js";
import { BridgeTower, defaultModel } from "./index.js";
import { configFor, openModelFolder } from "./open-model.js";
import { tinyCheckpoint, tinyConfig } from "./tiny-checkpoint.test-support.js";

type Shapes = Readonly<Record<string, readonly number[]>>;

/** The fields after a look at weights of these shapes; hidden_size is 64. */
function fields(shapes: Shapes, changes: Readonly<Record<string, unknown>> = {}) {
  const tensors = new Map(Object.entries(shapes).map(([name, shape]) => [name, HostTensor.zeros("uint8", shape)]));
  const stored = [...tensors].map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data }] as const);
  const config = configFor({ tensors: new Map(stored) }, parseConfig(tinyConfig(changes)));
  const { vqav2_label_size, task_head_layers, head_hidden_scale } = config;
  return [vqav2_label_size, task_head_layers, head_hidden_scale];
}

const wide = { "vqa_classifier.0.weight": [256, 128], "vqa_classifier.3.weight": [7, 256] };

test.each<[string, Shapes, Readonly<Record<string, unknown>>, number[]]>([
  ["no classifier: config.json", {}, { vqav2_label_size: 5, task_head_layers: 1 }, [5, 1, 1]],
  ["two layers", wide, {}, [7, 2, 2]],
  ["fields of another run", wide, { vqav2_label_size: 5, task_head_layers: 1, head_hidden_scale: 3 }, [7, 2, 2]],
  ["one layer", { "vqa_classifier.0.weight": [9, 128] }, {}, [9, 1, 1]],
  ["a prefix", { "bridgetower.vqa_classifier.0.weight": [9, 128] }, {}, [9, 1, 1]],
  [
    "SNLI tells the width and not the answers",
    { "snli_classifier.0.weight": [64, 128], "snli_classifier.3.weight": [3, 64] },
    {},
    [3129, 2, 0.5],
  ],
  [
    "a width that the config's factor gives after rounding down",
    { "vqa_classifier.0.weight": [70, 128], "vqa_classifier.3.weight": [7, 70] },
    { head_hidden_scale: 0.55 },
    [7, 2, 0.55],
  ],
  [
    "classifiers that disagree: config.json",
    { ...wide, "snli_classifier.0.weight": [3, 128] },
    { head_hidden_scale: 2 },
    [7, 2, 2],
  ],
  ["a shape that is no matrix: config.json", { "vqa_classifier.0.weight": [9] }, {}, [3129, 2, 1]],
  ["no outputs: config.json", { "vqa_classifier.0.weight": [0, 128] }, {}, [3129, 2, 1]],
])("%s", (_, shapes, changes, expected) => {
  expect(fields(shapes, changes)).toEqual(expected);
});

test("every width gives a factor that gives the width", () => {
  for (let width = 1; width <= 2000; width++) {
    const shapes = { "vqa_classifier.0.weight": [width, 98], "vqa_classifier.3.weight": [1, width] };
    const tensors = new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { dtype: "uint8" as const, shape, data: { path: "weights", offset: 0, length: 0 } },
      ]),
    );
    const config = { ...parseConfig(tinyConfig()), hidden_size: 49 };
    const { head_hidden_scale } = configFor({ tensors }, config);
    expect(Math.floor(2 * 49 * head_hidden_scale)).toBe(width);
  }
});

test("the packaged model's weights if config.json does not describe its classifier", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-config-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const config = JSON.parse(await readFile(join(defaultModel, "config.json"), "utf8")) as Record<string, unknown>;
  const fields = { vqav2_label_size: 669, task_head_layers: 2, head_hidden_scale: 2 };
  const silent = Object.entries(config).filter(([name]) => !Object.hasOwn(fields, name));
  await writeFile(join(folder, "config.json"), JSON.stringify(Object.fromEntries(silent)));
  await symlink(join(defaultModel, "model.safetensors"), join(folder, "model.safetensors"));
  expect((await openModelFolder(folder)).config).toMatchObject(fields);
});

test.each([
  [{ vqav2_label_size: 7, task_head_layers: 1 }, "a one-layer classifier"],
  [{ vqav2_label_size: 7, head_hidden_scale: 1.7 }, "a two-layer classifier"],
])("%o in the weights and not in config.json: answers all the same", async (sizes, answer) => {
  const folder = await tinyCheckpoint({ config: tinyConfig(sizes), heads: ["vqa"] });
  const id2label = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [i, i === 0 ? answer : `${i}`]));
  await writeFile(join(folder, "config.json"), JSON.stringify(tinyConfig({ id2label })));
  const model = await BridgeTower.fromPretrained(folder, { prepare: ["answer"] });
  const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) };
  const answers = await model.answer(image, "a cat", { topK: 100 });
  expect(answers.map((one) => one.answer).sort()).toEqual(Object.values(id2label).sort());
  await model.dispose();
});
