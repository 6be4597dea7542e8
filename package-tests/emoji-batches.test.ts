/** SHA-256 of the first batches of runs on the scenes of the emoji workspace: a change of the code must not change them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { ImageThreads, type Dataset } from "../src/data/index.js";
import { defaultModel } from "../src/inference/index.js";
import { parseConfig, Random, textBuckets, tokenizerMasking, type Batch } from "../src/learner/index.js";
import { Tokenizer, Uint8Pixels } from "../src/processing/index.js";
import { AnswerTable } from "../src/training/answer-labels.js";
import { EpochIndex } from "../src/training/epoch-index.js";
import { Loader } from "../src/training/loader.js";
import { SampleSource } from "../src/training/sample-source.js";
import { tinyConfig } from "../src/training/tiny-run.test-support.js";
import { answerList, readVocabulary, sceneDataset, SceneSource } from "../emoji/src/index.js";
import { syntheticSprites } from "../emoji/src/synthetic.test-support.js";

const recorded = JSON.parse(readFileSync(new URL("./emoji-batches.json", import.meta.url), "utf8")) as Readonly<
  Record<string, unknown>
>;
type Objective = "mlm" | "itm" | "itc" | "irtr" | "vqa" | "snli" | "nlvr2";

const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const size = 32;
const source = (seed: number) => new SceneSource(sprites, vocabulary, { split: "train", seed, size });
const rows = 50_000;
const scenes = sceneDataset(source(2), { rows, sampled: "captions" });
const pairs = sceneDataset(source(3), { rows, kind: "pairs", sampled: "captions" });
const scenesByQuestion = sceneDataset(source(2), { rows, sampled: "questions" });
const pairsByQuestion = sceneDataset(source(3), { rows, kind: "pairs", sampled: "questions" });

async function batches(
  data: readonly Dataset[],
  objectives: readonly Objective[],
  itmFalse: "pictures" | "texts",
): Promise<string[]> {
  const answers = new AnswerTable(answerList(vocabulary));
  const tokenizer = await Tokenizer.fromFolder(defaultModel);
  const threads = new ImageThreads({ threads: 1 });
  onTestFinished(() => threads.dispose());
  const random = new Random(11).at("run");
  const epochIndex = EpochIndex.of(data, objectives, answers);
  const samples = new SampleSource(
    epochIndex,
    threads,
    {
      objectives,
      tokenizer,
      max_text_len: 20,
      answers,
      falseTexts: 3,
      itmFalse,
      transform: { key: "clip", image_size: size },
      seed: 11,
    },
    random,
  );
  const config = parseConfig({
    model_type: "bridgetower",
    ...tinyConfig,
    vision_config: { ...tinyConfig.vision_config, image_size: size },
    vqav2_label_size: answers.answers.length,
    token_type_count: 3,
  });
  const loader = new Loader(
    samples,
    {
      batch_size: 12,
      microBatches: 2,
      localMicroBatches: [0, 1],
      objectives: Object.fromEntries(objectives.map((name) => [name, 1])),
      collate: { config, textBuckets: textBuckets(20), masking: tokenizerMasking(tokenizer), itmFalse },
    },
    random,
  );
  const steps = [await loader.step(0, 2), await loader.step(1, 2)];
  return Promise.all(steps.flatMap(({ microBatches }) => microBatches.map(checksum)));
}

/** Of the values that the model sees: pixels as float32. */
async function checksum(batch: Batch): Promise<string> {
  const { pixel_values } = batch;
  const values =
    pixel_values instanceof Uint8Pixels ? { ...batch, pixel_values: await pixel_values.normalised() } : batch;
  const hash = createHash("sha256");
  for (const [name, { dtype, shape, data }] of Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${dtype} ${shape.join(" ")} `);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex").slice(0, 32);
}

test.each<[string, readonly Dataset[], readonly Objective[], "pictures" | "texts"]>([
  ["towers", [scenes], ["itc"], "pictures"],
  ["words and questions", [scenes], ["mlm", "vqa"], "pictures"],
  ["questions alone", [scenesByQuestion], ["vqa"], "pictures"],
  ["other images and captions", [scenes], ["itm", "irtr"], "pictures"],
  ["all heads on pairs", [pairs], ["itm", "itc", "mlm", "vqa", "snli", "nlvr2"], "texts"],
  ["questions of scenes and pairs", [scenesByQuestion, pairsByQuestion], ["vqa", "snli"], "pictures"],
])("%s", async (name, data, objectives, itmFalse) => {
  expect(await batches(data, objectives, itmFalse)).toEqual(recorded[name]);
});
