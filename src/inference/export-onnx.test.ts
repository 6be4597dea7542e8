/** Exported files run by ONNX Runtime from their path, as any other program would run them, against transformers. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, onTestFinished, test } from "vitest";
import { readCase, readExpected } from "../../fixtures/golden.js";
import { deviation } from "../../fixtures/tolerance.js";
import { readTrainingCase } from "../../fixtures/training-golden.js";
import { headEntry, heads } from "../model/index.js";
import { exportOnnx } from "./index.js";
import { tinyCheckpoint, tinyConfig } from "./tiny-checkpoint.test-support.js";

type Values = Record<string, Tensor>;

const golden = readCase("add");
const { input_ids, attention_mask, pixel_values } = golden.inputs;
const feeds: Values = {
  input_ids: new Tensor("int64", input_ids.data, input_ids.shape),
  attention_mask: new Tensor("int64", attention_mask!.data, attention_mask!.shape),
  pixel_values: new Tensor("float32", pixel_values!.data, pixel_values!.shape),
};

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-export-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function run(file: string, given: Values): Promise<Values> {
  const session = await InferenceSession.create(file);
  const known = Object.fromEntries(session.inputNames.map((name) => [name, given[name]!]));
  const results = await session.run(known);
  await session.release();
  return results;
}

/** ONNX output -> name in the golden file. */
const goldenNames = {
  text_features: "text_features",
  image_features: "image_features",
  pooler_output: "pooler_output",
  logits: "itm.logits",
  mlm_logits: "mlm.logits",
  text_embeds: "itc.text_embeds",
  image_embeds: "itc.image_embeds",
  cross_embeds: "itc.cross_embeds",
};

test("the whole model and its three parts in a row give transformers' numbers", async () => {
  const checkpoint = await tinyCheckpoint({ config: golden.configJson });
  const folder = await emptyFolder();
  const progress: [number, number][] = [];
  const files = await exportOnnx(checkpoint, folder, { onProgress: (...step) => progress.push(step) });
  expect((await readdir(folder)).sort()).toEqual([
    "fusion.onnx",
    "model.onnx",
    "text.onnx",
    "vision.onnx",
    "weights.safetensors",
  ]);
  expect(files.map(({ file }) => file)).toEqual(
    ["weights.safetensors", "model.onnx", "vision.onnx", "text.onnx", "fusion.onnx"].map((name) => join(folder, name)),
  );
  expect(progress.at(-1)).toEqual([5, 5]);

  const expected = await readExpected("add");
  const check = (results: Values, names: readonly (keyof typeof goldenNames)[]) => {
    for (const name of names) {
      const theirs = expected.get(goldenNames[name])!;
      expect(results[name]!.dims, name).toEqual(theirs.shape);
      expect(deviation(results[name]!.data as Float32Array, theirs.toArray()), name).toBeLessThan(1);
    }
  };
  const whole = await run(join(folder, "model.onnx"), feeds);
  check(whole, Object.keys(goldenNames) as (keyof typeof goldenNames)[]);
  const vision = await run(join(folder, "vision.onnx"), feeds);
  const text = await run(join(folder, "text.onnx"), feeds);
  check({ ...vision, ...text }, ["text_embeds", "image_embeds"]);
  const fusion = await run(join(folder, "fusion.onnx"), { ...feeds, ...vision, ...text });
  check(fusion, ["pooler_output", "logits", "mlm_logits", "cross_embeds"]);
});

test("heads that the checkpoint lacks are omitted", async () => {
  const checkpoint = await tinyCheckpoint({ heads: ["itm"] });
  const files = await exportOnnx(checkpoint, await emptyFolder());
  const fusion = files.find(({ file }) => file.endsWith("fusion.onnx"))!;
  expect(fusion.outputs).toEqual(["pooler_output", "logits"]);
  expect(files.flatMap(({ outputs }) => outputs).some((name) => name.endsWith("_embeds"))).toBe(false);
});

test("two images and a statement through the exported parts give the reference's numbers", async () => {
  const { config, feeds: given, outputs } = readTrainingCase("nlvr2");
  const folder = await emptyFolder();
  await exportOnnx(await tinyCheckpoint({ config, heads: ["nlvr2"] }), folder);
  const rows = (stack: string, input: string): Values => {
    const picked = given[input]!.toArray().map((row) => given[stack]!.row(row));
    const shape = [picked.length, ...picked[0]!.shape];
    const values = picked.flatMap((row) => row.toArray());
    const tensor =
      given[stack]!.dtype === "int64"
        ? new Tensor("int64", values.map(BigInt), shape)
        : new Tensor("float32", values, shape);
    return { [stack]: tensor };
  };
  const texts = { ...rows("input_ids", "nlvr2_texts"), ...rows("attention_mask", "nlvr2_texts") };
  const text = { ...texts, ...(await run(join(folder, "text.onnx"), texts)) };
  const pooled = async (vision: string, input: string) => {
    const image = await run(join(folder, vision), rows("pixel_values", input));
    return (await run(join(folder, "fusion.onnx"), { ...text, ...image })).pooler_output!;
  };
  const { nlvr2_logits } = await run(join(folder, "comparison.onnx"), {
    first_pooler_output: await pooled("vision.onnx", "nlvr2_first_images"),
    second_pooler_output: await pooled("second-vision.onnx", "nlvr2_second_images"),
  });
  const expected = outputs.get("nlvr2.logits")!.toArray();
  expect(deviation(nlvr2_logits!.data as Float32Array, expected)).toBeLessThan(1);
});

test("the fusion graph has the outputs for answers and entailment", async () => {
  const config = tinyConfig({ vqav2_label_size: 7 });
  const files = await exportOnnx(await tinyCheckpoint({ config, heads: ["vqa", "snli"] }), await emptyFolder());
  const fusion = files.find(({ file }) => file.endsWith("fusion.onnx"))!;
  expect(fusion.outputs).toEqual(["pooler_output", "vqa_logits", "snli_logits"]);
  expect(files).toHaveLength(5);
});

test("every output of every head is in the exported graphs, under names that no two share", async () => {
  const config = tinyConfig({ vqav2_label_size: 7, token_type_count: 3 });
  const files = await exportOnnx(await tinyCheckpoint({ config, heads }), await emptyFolder());
  const outputsOf = (name: string) => files.find(({ file }) => file.endsWith(`/${name}.onnx`))!.outputs;
  const wanted = heads.flatMap((head) => Object.entries(headEntry(head).outputs));
  const names = (...reads: string[]) => wanted.flatMap(([name, head]) => (reads.includes(head.reads) ? [name] : []));
  expect(outputsOf("model").slice(3)).toEqual(names("pooled", "textFeatures", "textToken", "imageToken"));
  expect(outputsOf("fusion").slice(1)).toEqual(names("pooled", "textFeatures"));
  expect([outputsOf("text").at(-1), outputsOf("vision").at(-1)]).toEqual(["text_embeds", "image_embeds"]);
  expect(outputsOf("comparison")).toEqual(["nlvr2_logits"]);
  expect(new Set(wanted.map(([name]) => name)).size).toBe(wanted.length);
  expect(outputsOf("model")).toEqual(expect.arrayContaining(["vqa_logits", "snli_logits", "rank_scores"]));
});

test("the dual form of the contrastive heads has no embedding of pairs", async () => {
  const config = tinyConfig({ contrastive_form: "dual" });
  const files = await exportOnnx(await tinyCheckpoint({ config, heads: ["itc"] }), await emptyFolder());
  const embeds = files.flatMap(({ outputs }) => outputs.filter((name) => name.endsWith("_embeds")));
  expect(embeds).toEqual(["text_embeds", "image_embeds", "image_embeds", "text_embeds"]);
});

test("a target that is a file is refused by name", async () => {
  const target = join(await emptyFolder(), "taken");
  await writeFile(target, "");
  await expect(exportOnnx(await tinyCheckpoint(), target)).rejects.toThrow("taken");
});

test("files of an earlier export are removed, and a failure leaves them unchanged", async () => {
  const folder = await emptyFolder();
  await writeFile(join(folder, "README.md"), "");
  await exportOnnx(await tinyCheckpoint({ config: tinyConfig({ token_type_count: 3 }), heads: ["nlvr2"] }), folder);
  const ofTwoImages = [
    "README.md",
    "comparison.onnx",
    "fusion.onnx",
    "model.onnx",
    "second-vision.onnx",
    "text.onnx",
    "vision.onnx",
    "weights.safetensors",
  ];
  expect((await readdir(folder)).sort()).toEqual(ofTwoImages);
  const contents = () => Promise.all(ofTwoImages.map((name) => readFile(join(folder, name))));
  const before = await contents();
  const onProgress = (done: number) => {
    if (done === 3) throw new Error("stopped");
  };
  const checkpoint = await tinyCheckpoint({ heads: ["itm"] });
  await expect(exportOnnx(checkpoint, folder, { onProgress })).rejects.toThrow("stopped");
  expect((await readdir(folder)).sort()).toEqual(ofTwoImages);
  expect(await contents()).toEqual(before);
  await exportOnnx(checkpoint, folder);
  expect((await readdir(folder)).sort()).toEqual(ofTwoImages.filter((name) => !/^(second|comparison)/.test(name)));
});
