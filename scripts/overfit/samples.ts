/** Pairs of the folder `pairs` as samples: one caption and one question for each image, no caption twice. */
import type { Random } from "../../src/random/index.js";
import { readTextIfPresent } from "../../src/files/index.js";
import { join } from "node:path";
import { InputError } from "../../src/errors.js";
import type { BridgeTowerProcessor } from "../../src/inference/index.js";
import type { Sample } from "../../src/learner/index.js";

const maxBytes = 2 ** 24;

interface Line {
  readonly image: string;
  readonly captions: readonly string[];
  readonly questions: readonly { readonly question: string; readonly answer: string }[];
}

export interface Pairs {
  readonly samples: readonly Sample[];
  /** By the numbers that the samples' scores have. */
  readonly answers: readonly string[];
}

/** @throws InputError when the folder has no such file, or fewer pairs */
export async function readPairs(folder: string, count: number, processor: BridgeTowerProcessor): Promise<Pairs> {
  const file = join(folder, "pairs.jsonl");
  const text = await readTextIfPresent(file, maxBytes);
  if (text === undefined) {
    throw new InputError({
      code: "file-not-found",
      where: file,
      expected: "captions and questions",
      found: "no such file",
      hint: "Choose another folder",
    });
  }
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const captions = new Set<string>();
  const chosen = lines.flatMap(({ image, captions: all, questions }, i) => {
    const caption = all.find((one) => !captions.has(one));
    if (caption === undefined || captions.size === count) return [];
    captions.add(caption);
    // Not the first of each, so that there are questions of every kind.
    return [{ image, caption, ...questions[i % questions.length]! }];
  });
  if (chosen.length < count) {
    throw new InputError({
      code: "missing-data",
      where: file,
      expected: `${count} images with captions of their own`,
      found: String(chosen.length),
    });
  }
  const answers = [...new Set(chosen.map(({ answer }) => answer))];
  const encode = (sentence: string) => processor.tokenizer.encode(sentence).ids;
  const samples: Sample[] = [];
  for (const [index, { image, caption, question, answer }] of chosen.entries()) {
    const pixels = await processor.imageProcessor.preprocess([join(folder, image)]);
    samples.push({
      index,
      image: { id: index, pixel_values: pixels.pixel_values.row(0) },
      caption: encode(caption),
      question: { text: encode(question), scores: new Map([[answers.indexOf(answer), 1]]) },
    });
  }
  return { samples, answers };
}

/** Each sample with the image of another one, all equally likely. */
export function withFalseImages(samples: readonly Sample[], random: Random): Sample[] {
  const count = samples.length;
  return samples.map((sample, i) => {
    const other = (i + 1 + random.at("false image", sample.index).below(count - 1)) % count;
    return { ...sample, falseImage: samples[other]!.image };
  });
}
