/** A run that is over in seconds: a tiny model from random values, on images of one colour with captions that name it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { onTestFinished } from "vitest";
import { defaultModel } from "../inference/index.js";
import type { TrainingInput } from "./run-settings.js";

const colours = {
  red: "#d03030",
  green: "#30a040",
  blue: "#3050d0",
  yellow: "#e0d030",
  black: "#101010",
  white: "#f0f0f0",
} as const;

/** A folder for the test, which is removed afterwards. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Twelve images with captions, questions and hypotheses, in the folder `pairs` of `root`. */
export async function makePairs(root: string): Promise<string> {
  const folder = join(root, "pairs");
  await mkdir(folder, { recursive: true });
  const lines: object[] = [];
  for (const [name, background] of Object.entries(colours)) {
    for (const [shape, width, height] of [
      ["wide", 24, 16],
      ["high", 16, 20],
    ] as const) {
      const image = `${name}-${shape}.png`;
      await sharp({ create: { width, height, channels: 3, background } })
        .png()
        .toFile(join(folder, image));
      lines.push({
        image,
        captions: [`a ${name} image`, `something ${name} and ${shape}`],
        questions: [{ question: "what colour is this?", answer: name }],
        hypotheses: [{ text: `it is ${name}`, label: "entailment" }],
      });
    }
  }
  await writeFile(join(folder, "pairs.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return folder;
}

/** The model: 0.3 million values, most of them word embeddings. */
export const tinyConfig = {
  hidden_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  intermediate_size: 64,
  contrastive_hidden_size: 16,
  contrastive_form: "dual",
  text_config: {
    vocab_size: 3000,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 1,
    intermediate_size: 64,
    max_position_embeddings: 40,
  },
  vision_config: { hidden_size: 64, num_hidden_layers: 2, patch_size: 8, image_size: 16 },
};

export const tinySettings = (root: string, changes: Partial<TrainingInput> = {}): TrainingInput => ({
  output: join(root, "run"),
  start: [],
  tokenizer: defaultModel,
  config: tinyConfig,
  data: { train: join(root, "pairs") },
  objectives: { itm: 1, mlm: 1 },
  max_text_len: 16,
  train_transform: "blip_randaug_wc",
  val_transform: "blip",
  batch_size: 6,
  learning_rate: 1e-3,
  max_epoch: 3,
  log_every_n_steps: 1,
  num_workers: 1,
  threads: 1,
  ...changes,
});

/** The lines of a run's log without what depends on time. */
export async function logOf(output: string): Promise<object[]> {
  const text = await readFile(join(output, "log.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const { pairs_per_second, data_wait_share, ...rest } = JSON.parse(line) as Record<string, unknown>;
      void [pairs_per_second, data_wait_share];
      return rest;
    });
}
