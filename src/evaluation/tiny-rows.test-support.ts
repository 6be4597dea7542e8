/** Five rows of images with texts of every kind, and tiny checkpoints to evaluate on them. */
import sharp from "sharp";
import { heads, type Head } from "../model/index.js";
import { tinyCheckpoint, tinyConfig } from "../inference/tiny-checkpoint.test-support.js";
import { evaluate, type EvaluateOptions } from "./index.js";
import { memoryData, type MemoryRow } from "./memory-data.test-support.js";

export const answers = ["yes", "no", "two"];
export const fields = { token_type_count: 3, vqav2_label_size: 3, contrastive_hidden_size: 16 };
export const named = { ...fields, id2label: answers };

export const image = (seed: number) =>
  sharp(
    Uint8Array.from({ length: 40 * 32 * 3 }, (_, i) => (i * seed * 7 + ((i * i) % (seed + 3)) * 40) % 256),
    { raw: { width: 40, height: 32, channels: 3 } },
  )
    .png()
    .toBuffer();

const words = ["a cat", "a dog", "cat a dog", "dog", "a a cat", "do a cat dog"];
export const rows: MemoryRow[] = await Promise.all(
  [1, 2, 3, 4, 5].map(async (seed, i): Promise<MemoryRow> => ({
    images: [await image(seed), await image(seed + 20)],
    captions: words.slice(i, i + 1 + (i % 3)).map((word) => `${word} ${i}`),
    negatives: i === 3 ? [] : [{ text: "no cat", facet: "obj" }, { text: `dog ${i} cat`, facet: "rel" }, { text: "x" }],
    questions: [
      {
        question: `a ${words[i]!}?`,
        questionId: 10 + i,
        answers: [
          { answer: answers[i % 3]!, score: 0.6 },
          { answer: "no such answer", score: 1 },
          { answer: "no", score: 0.3 },
        ],
      },
      { question: "unanswered?", questionId: 100 + i, answers: [] },
    ],
    hypotheses: [{ text: words[i]!, label: i % 3 }, { text: "unlabelled" }],
    statements: [{ text: words[5 - i]!, label: i % 2 }, { text: "unlabelled" }],
  })),
);
export const data = memoryData(rows);

export const checkpoint = (config: object = named, with_: readonly Head[] = heads) =>
  tinyCheckpoint({ config: tinyConfig({ ...config }), heads: with_ });

export const resultsOf = async (
  settings: Omit<EvaluateOptions, "data"> & { readonly data?: EvaluateOptions["data"] },
) => (await evaluate({ data, ...settings })).results;
