/** The start of a run: new models from starting points, and checkpoints of earlier runs. */
import { saveCheckpoint, tokenizerFiles } from "../checkpoint/index.js";
import { initializer } from "../conversion/index.js";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { memoryData } from "../evaluation/memory-data.test-support.js";
import { HostTensor } from "../graph/index.js";
import { heads, parameterList, parseConfig, type Head } from "../model/index.js";
import { Random } from "../random/index.js";
import { defaultModel } from "../inference/index.js";

import { fileOf, fixtureJson } from "../conversion/conversion-files.test-support.js";
import { dataFacts, resumeOrStart, type RunStart } from "./resume.js";
import { emptyInterval } from "./interval.js";
import { RunFiles } from "./run-files.js";
import { trainingSettings, type TrainingInput } from "./run-settings.js";
import { temporaryFolder, tinyConfig, tinySettings } from "./tiny-run.test-support.js";

const old = ["red", "green", "blue"];
const data = memoryData([
  {
    images: [],
    questions: ["yes", "no", "red", "two"].map((answer) => ({ question: "?", answers: [{ answer, score: 1 }] })),
  },
]);
const positions = "vision_model.visual.embeddings.position_embedding.weight";

async function begin(root: string, changes: Partial<TrainingInput> = {}, warnings: string[] = []): Promise<RunStart> {
  const settings = trainingSettings(tinySettings(root, changes));
  return resumeOrStart(settings, [data], new Random(settings.seed).at("run"), {}, (line) => void warnings.push(line));
}

/** Whether all values are alike, names in any order. */
const sameValues = (a: Pick<RunStart, "values">, b: Pick<RunStart, "values">): boolean =>
  a.values.size === b.values.size &&
  [...a.values].every(([name, { buffer }]) => Buffer.from(buffer).equals(Buffer.from(b.values.get(name)!.buffer)));

interface Folder {
  readonly heads?: readonly Head[];
  readonly config?: object;
  readonly answers?: readonly string[];
}

/** A model folder whose values are those of another seed. */
async function modelFolder(
  root: string,
  { heads: present = ["itm", "mlm"], config: changes = {}, answers }: Folder = {},
) {
  const folder = join(root, "model");
  const json = { model_type: "bridgetower", ...tinyConfig, vqav2_label_size: old.length, ...changes };
  const config = parseConfig(json);
  const initialize = initializer(config, "original", new Random(77));
  const { used, unused } = parameterList(config, present);
  const tensor = (parameter: (typeof used)[number]) =>
    new HostTensor("float32", parameter.shape, initialize(parameter));
  await saveCheckpoint(folder, {
    config: json,
    parameters: new Map([...used, ...unused].map((parameter) => [parameter.name, tensor(parameter)])),
    documents: answers === undefined ? {} : { "answers.json": answers },
    files: await tokenizerFiles(defaultModel),
  });
  const valueOf = (name: string) => initialize(used.find((parameter) => parameter.name === name)!);
  return { folder, valueOf };
}

test("without starting point: values of the seed, in the given config", async () => {
  const root = await temporaryFolder();
  const first = await begin(root, { seed: 1 });
  expect(first).toMatchObject({ step: 0, checkpoint: undefined, optimizer: undefined, interval: emptyInterval });
  expect(first.model.config).toMatchObject({
    hidden_size: 64,
    contrastive_form: "dual",
    vision_config: { patch_size: 8 },
  });
  const again = await begin(root, { seed: 1 });
  expect(sameValues(again, first)).toBe(true);
  const other = await begin(root, { seed: 2 });
  expect(other.values.get("itm_score.fc.weight")).not.toEqual(first.values.get("itm_score.fc.weight"));
  expect([...first.model.read].some((name) => name.startsWith("itc_"))).toBe(false);
  // It is unused, and transformers reports it as missing if a file lacks it.
  expect(first.values.get("text_model.pooler.dense.weight")).toHaveLength(64 * 64);
});

test("without starting point a tokenizer must be named", async () => {
  await expect(begin(await temporaryFolder(), { tokenizer: undefined })).rejects.toThrow(
    "tokenizer: expected a folder or hub id, because no starting point has a tokenizer, found none. Pass one, such as roberta-base.",
  );
});

test("from a model folder: its values, its tokenizer, and heads that are not trained, with their answers", async () => {
  const root = await temporaryFolder();
  const { folder, valueOf } = await modelFolder(root, { heads: ["itm", "mlm", "vqa", "snli"], answers: old });
  const { model, values } = await begin(root, {
    start: folder,
    tokenizer: undefined,
    config: {},
    objectives: { itm: 1 },
  });
  for (const name of ["itm_score.fc.weight", "vqa_classifier.3.weight", "snli_classifier.0.weight", positions]) {
    expect(values.get(name), name).toEqual(valueOf(name));
  }
  expect(model.read.has("itm_score.fc.weight")).toBe(true);
  expect(model.read.has("vqa_classifier.3.weight")).toBe(false);
  expect(model.parameters.map(({ name }) => name)).toContain("snli_classifier.3.bias");
  expect(model.answers!.answers).toEqual(old);
  expect(model.tokenizerFiles.get("tokenizer.json")).toBe(join(folder, "tokenizer.json"));
});

test("a new head is initialized, and so are the parameters in reset", async () => {
  const root = await temporaryFolder();
  const { folder, valueOf } = await modelFolder(root);
  const changes = { start: folder, config: {}, objectives: { itm: 1, snli: 1 } };
  const { values } = await begin(root, { ...changes, reset: ["itm_score.*", "cross_modal_*_pooler.dense.weight"] });
  const isOld = (name: string) => values.get(name)!.every((value, i) => value === valueOf(name)[i]);
  expect(isOld("itm_score.fc.weight")).toBe(false);
  expect(isOld("cross_modal_text_pooler.dense.weight")).toBe(false);
  expect(isOld("cross_modal_text_transform.weight")).toBe(true);
  expect(values.get("snli_classifier.3.weight")!.some((value) => value !== 0)).toBe(true);
  await expect(begin(root, { ...changes, reset: ["itm_scores.*"] })).rejects.toThrow(
    /^reset "itm_scores\.\*": expected the name of a parameter, .*found a pattern that matches no parameter/,
  );
});

test("another image_size resizes the table of positions, and is the size of images of the run", async () => {
  const root = await temporaryFolder();
  const { folder, valueOf } = await modelFolder(root);
  const { model, values } = await begin(root, { start: folder, config: {}, image_size: 32 });
  expect(model.config.vision_config).toMatchObject({ image_size: 32, patch_size: 8 });
  expect(values.get(positions)).toHaveLength(17 * 64);
  expect(values.get(positions)!.subarray(0, 64)).toEqual(valueOf(positions).subarray(0, 64));
  expect(model.preprocessor).toMatchObject({ size: { shortest_edge: 32 }, size_divisor: 1 });
});

test("a new classifier has an output for each answer", async () => {
  const root = await temporaryFolder();
  const { folder } = await modelFolder(root);
  const { model, values } = await begin(root, { start: folder, config: {}, objectives: { vqa: 1 } });
  expect(model.answers!.answers).toEqual(["yes", "no", "red", "two"]);
  expect(model.config.vqav2_label_size).toBe(4);
  expect(values.get("vqa_classifier.3.bias")).toHaveLength(4);
});

test("a classifier keeps its own answers, from answers.json or id2label", async () => {
  const root = await temporaryFolder();
  const vqa: Folder = { heads: ["itm", "vqa"] };
  const changes = { config: {}, objectives: { vqa: 1 } };
  for (const named of [{ answers: old }, { config: { id2label: { 0: "red", 1: "green", 2: "blue" } } }]) {
    const { folder, valueOf } = await modelFolder(root, { ...vqa, ...named });
    const { model, values } = await begin(root, { ...changes, start: folder });
    expect(model.answers!.answers).toEqual(old);
    expect(values.get("vqa_classifier.3.weight")).toEqual(valueOf("vqa_classifier.3.weight"));
    // Evaluation would believe it more than answers.json.
    expect(model.json).not.toHaveProperty("id2label");
  }
});

test("other answers need a new classifier, through reset", async () => {
  const root = await temporaryFolder();
  const { folder } = await modelFolder(root, { heads: ["vqa"], answers: old });
  const changes = { start: folder, config: {}, objectives: { vqa: 1 } };
  const answers = join(root, "other.json");
  await writeFile(answers, '["red", "two", "blue"]');
  await expect(begin(root, { ...changes, answers })).rejects.toThrow(
    /^answers: expected those of the classifier in .*, whose answer 1 is "green", found "two"\. Name the old one in reset, as in "vqa_classifier\.\*", to start a new one\.$/,
  );
  await writeFile(answers, '["red", "green"]');
  await expect(begin(root, { ...changes, answers })).rejects.toThrow(
    /^vqa_classifier\.3\.\w+ in .*: expected \[2.*\], as answers and head_hidden_scale of the run ask for, found \[3.*\]\. Name the old one in reset, as in "vqa_classifier\.\*"/,
  );
  const { model } = await begin(root, { ...changes, answers, reset: ["vqa_classifier.*"] });
  expect(model.config.vqav2_label_size).toBe(2);
  // Its answers go with the classifier.
  const fresh = await begin(root, { ...changes, reset: ["vqa_classifier.*"] });
  expect(fresh.model.answers!.answers).toEqual(["yes", "no", "red", "two"]);
});

test("the error for a classifier of another width names the reset", async () => {
  const root = await temporaryFolder();
  const { folder } = await modelFolder(root, { heads: ["snli"] });
  const changes = { start: folder, config: { head_hidden_scale: 2 }, objectives: { snli: 1 } };
  await expect(begin(root, changes)).rejects.toThrow(
    /^snli_classifier\.0\.weight in .*: expected \[256, 128\], .*, found \[128, 128\]\. Name the old one in reset, as in "snli_classifier\.\*", to start a new one\.$/,
  );
  const { values } = await begin(root, { ...changes, reset: ["snli_classifier.*"] });
  expect(values.get("snli_classifier.0.bias")).toHaveLength(256);
});

test("CLIP and RoBERTa give the towers, the run gives the rest", async () => {
  type Shapes = Readonly<Record<string, readonly number[]>>;
  const towers = await fixtureJson<Record<"clip" | "roberta", { readonly names: Shapes }>>("towers.json");
  const words = "embeddings.word_embeddings.weight";
  const key = Object.keys(towers.roberta.names).find((name) => name.endsWith(words))!;
  const [, width] = towers.roberta.names[key]!;
  const clip = await fileOf(towers.clip.names);
  const roberta = await fileOf({ ...towers.roberta.names, [key]: [3000, width!] });
  const root = await temporaryFolder();
  const config = { hidden_size: width, num_hidden_layers: 2, num_attention_heads: 1, intermediate_size: 48 };
  const { model, values } = await begin(root, { start: [clip, roberta], config, max_text_len: 8, image_size: 24 });
  expect(model.json).toMatchObject(config);
  expect(model.config).toMatchObject({
    hidden_size: width,
    num_hidden_layers: 2,
    text_config: { hidden_size: width, vocab_size: 3000, num_hidden_layers: 2, intermediate_size: 48 },
    vision_config: { hidden_size: 64, num_hidden_layers: 2, patch_size: 8, image_size: 24 },
  });
  expect(values.get(positions)).toHaveLength(10 * 64);
  expect(values.get("cross_modal_text_transform.weight")).toHaveLength(width! * width!);
  await expect(begin(root, { start: [clip, roberta], config })).rejects.toThrow(
    "max_text_len: expected at most 10 tokens, which max_position_embeddings of the text tower allows, found 16.",
  );
  const small = await fileOf(towers.roberta.names);
  await expect(begin(root, { start: [clip, small], config, max_text_len: 8 })).rejects.toThrow(
    /^tokenizer: expected at most 30 tokens, the vocab_size of the model, found \d+\. Use the tokenizer of the model\.$/,
  );
});

/** Checkpoints of these steps, as a run writes them; the first value of the first parameter is the step. */
async function runWith(root: string, changes: Partial<TrainingInput>, ...steps: number[]): Promise<RunStart> {
  const settings = trainingSettings(tinySettings(root, changes));
  const start = await begin(root, changes);
  const files = await RunFiles.open(settings);
  await files.keepTokenizer(start.model.tokenizerFiles);
  await files.startLog(0);
  const optimizer = new Map(
    [...start.model.read].map((name) => {
      const values = start.values.get(name)!;
      return [name, { m: values.map((x) => 2 * x), v: values.map((x) => x * x) }];
    }),
  );
  for (const step of steps) {
    start.values.get(positions)![0] = step;
    const interval = { steps: step, skipped: 0, brokenImages: 1, sums: { loss: step / 3 } };
    await files.save(
      { step, epoch: step / 4, maxSteps: 9, interval, microBatches: 2, data: dataFacts([data]) },
      start.model,
      start.values,
      optimizer,
    );
  }
  await files.close();
  return start;
}

test("a run resumes from its last checkpoint, which has its whole state", async () => {
  const root = await temporaryFolder();
  const changes = { objectives: { itm: 1, vqa: 1 } } as const;
  const start = await runWith(root, changes, 4, 8);
  const found = await begin(root, changes);
  expect(found).toMatchObject({ step: 8, checkpoint: join(root, "run", "checkpoint-8"), microBatches: 2 });
  expect(found.interval).toEqual({ steps: 8, skipped: 0, brokenImages: 1, sums: { loss: 8 / 3 } });
  expect(sameValues(found, start)).toBe(true);
  expect(found.optimizer!.get(positions)!.m[1]).toBe(2 * start.values.get(positions)![1]!);
  expect(found.model.answers!.answers).toEqual(start.model.answers!.answers);
  expect(found.model.read).toEqual(start.model.read);
  expect(found.model.config).toEqual(start.model.config);
  // The same bytes in the checkpoints to come.
  expect(JSON.stringify(found.model.json)).toBe(JSON.stringify(start.model.json));
  // However the run is watched and kept.
  expect((await begin(root, { ...changes, threads: 2, save_steps: 3, log_every_n_steps: 7 })).step).toBe(8);
});

test("other settings are refused before any other error", async () => {
  const root = await temporaryFolder();
  await runWith(root, {}, 4, 8);
  const refused = async (changes: Partial<TrainingInput>) => {
    const warnings: string[] = [];
    const error: unknown = await begin(root, changes, warnings).catch((reason: unknown) => reason);
    return [(error as Error).message.replaceAll(root, ""), warnings];
  };
  const message = (names: string) =>
    `/run/checkpoint-8: expected the settings that the run started with, found other values of ${names}. Restore them, or choose another output folder and start from /run/checkpoint-8.`;
  expect(await refused({ learning_rate: 1, batch_size: 3 })).toEqual([message("batch_size, learning_rate"), []]);
  // Heads that the checkpoint lacks are no damage.
  expect(await refused({ objectives: { itm: 1, mlm: 1, snli: 1 } })).toEqual([message("objectives"), []]);
  expect(await refused({ objectives: { vqa: 1 } })).toEqual([message("objectives"), []]);
});

test("a damaged checkpoint is skipped for the one before it; if all are damaged, no new run starts", async () => {
  const root = await temporaryFolder();
  await runWith(root, {}, 2, 4, 6);
  const damage = async (step: number, name: string) => {
    const path = join(root, "run", `checkpoint-${step}`, name);
    const bytes = await readFile(path);
    bytes[bytes.length - 5]! ^= 1;
    await writeFile(path, bytes);
  };
  await damage(6, "optimizer.safetensors");
  await writeFile(join(root, "run", "checkpoint-4", "trainer_state.json"), "{}");
  const warnings: string[] = [];
  const found = await begin(root, {}, warnings);
  expect(found.step).toBe(2);
  expect(found.values.get(positions)![0]).toBe(2);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/checkpoint-4 is skipped: trainer_state\.json: expected a file of \d+ bytes/);
  expect(warnings[1]).toMatch(/^skipped .*checkpoint-6: .*optimizer\.safetensors/);
  await damage(2, "model.safetensors");
  await expect(begin(root)).rejects.toThrow(/checkpoint-2/);
});

test("every head can be kept", async () => {
  const root = await temporaryFolder();
  const { folder } = await modelFolder(root, { heads, config: { token_type_count: 3 } });
  const { model } = await begin(root, { start: folder, config: {}, objectives: { irtr: 1 } });
  expect(model.parameters.some(({ name }) => name.startsWith("nlvr2_classifier"))).toBe(true);
  expect(model.read.has("rank_output.weight")).toBe(true);
});
