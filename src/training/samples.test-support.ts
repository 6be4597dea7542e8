/** Small images with texts of every kind, and sources of samples of them. */
import sharp from "sharp";
import { onTestFinished } from "vitest";
import { ImageThreads, type Dataset, type Negative, type TransformKey } from "../data/index.js";
import { memoryData, type MemoryRow } from "../evaluation/memory-data.test-support.js";
import { parseConfig, type ObjectiveName } from "../model/index.js";
import { Tokenizer } from "../processing/index.js";
import { Random } from "../random/index.js";
import { defaultModel } from "../inference/index.js";
import { textBuckets, tokenizerMasking } from "../learner/index.js";
import { AnswerTable } from "./answer-labels.js";
import { Loader, type LoaderOptions } from "./loader.js";
import { SampleSource } from "./sample-source.js";
import { tinyConfig } from "./tiny-run.test-support.js";
import { EpochIndex } from "./epoch-index.js";

export const config = parseConfig({
  model_type: "bridgetower",
  ...tinyConfig,
  vqav2_label_size: 3,
  token_type_count: 3,
});
export const tokenizer = await Tokenizer.fromFolder(defaultModel);
const answers = new AnswerTable(["red", "green", "blue"]);

const png = (red: number, green: number, blue: number) =>
  sharp({ create: { width: 20, height: 24, channels: 3, background: { r: red, g: green, b: blue } } })
    .png()
    .toBuffer();

/** Images of one colour each: red is the data set, green the row, blue the side. */
export async function dataOf(
  count: number,
  { set = 0, captions = 1, negatives = [] as readonly Negative[] } = {},
): Promise<Dataset> {
  const rows = Array.from({ length: count }, async (_, i): Promise<MemoryRow> => ({
    images: [await png(set, 10 * i, 0), await png(set, 10 * i, 200)],
    captions: Array.from({ length: captions }, (_, text) => `image ${i} of set ${set}, text ${text}`),
    questions: [
      { question: `no colour ${i}?`, answers: [{ answer: "mauve", score: 1 }] },
      { question: `colour ${i}?`, answers: [{ answer: answers.answers[i % 3]!, score: 0.6 }] },
    ],
    hypotheses: [{ text: "unlabelled" }, { text: `hypothesis ${i}`, label: i % 3 }],
    statements: [{ text: `statement ${i}`, label: i % 2 }],
    negatives,
  }));
  return memoryData(await Promise.all(rows), `set ${set}`);
}

/** Rows whose images cannot be decoded. */
export function withBroken(data: Dataset, isBroken: (row: number) => boolean): Dataset {
  return {
    ...data,
    images: (row) =>
      data.images(row).map(({ name, read }) => ({
        name,
        read: isBroken(row) ? () => Promise.resolve(Uint8Array.of(1, 2, 3)) : read,
      })),
  };
}

interface Setup {
  readonly objectives?: readonly ObjectiveName[];
  readonly threads?: number;
  readonly transform?: TransformKey;
  readonly falseTexts?: number;
  readonly itmFalse?: "pictures" | "texts";
}

export function sourceOf(data: readonly Dataset[], setup: Setup = {}): SampleSource {
  const { objectives = ["itm", "mlm"], threads: count = 1, transform = "blip_randaug_wc", falseTexts = 2 } = setup;
  const { itmFalse = "pictures" } = setup;
  const threads = new ImageThreads({ threads: count });
  onTestFinished(() => threads.dispose());
  const options = {
    objectives,
    tokenizer,
    max_text_len: 16,
    answers,
    falseTexts,
    itmFalse,
    transform: { key: transform, image_size: 16 },
    seed: 3,
  };
  return new SampleSource(EpochIndex.of(data, objectives, answers), threads, options, new Random(3));
}

export const collating = { config, textBuckets: textBuckets(16), masking: tokenizerMasking(tokenizer) };

export function loaderOf(
  source: SampleSource,
  objectives: readonly ObjectiveName[],
  cut: Partial<LoaderOptions> = {},
): Loader {
  const weights = Object.fromEntries(objectives.map((name) => [name, 1]));
  const plan = { batch_size: 6, microBatches: 1, localMicroBatches: [0], collate: collating, ...cut };
  return new Loader(source, { ...plan, objectives: weights }, new Random(3));
}
