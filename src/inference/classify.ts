/** Classifies texts about one image or two: the logits of each text. */
import type { HostTensor } from "../graph/index.js";
import type { Head } from "../model/index.js";
import type { LoadedModel, States, TextOptions } from "./loaded-model.js";
import { chunksOfEqualLength } from "./text-chunks.js";
import type { ImageInput } from "../processing/index.js";

/** An answer to a question. */
export interface Answer {
  readonly answer: string;
  /** Sigmoid of the answer's logit, 0..1: each answer has its own probability, so that they need not add up to 1. */
  readonly probability: number;
}

/** The relation of a hypothesis to an image, in the order of the classifier's outputs. */
export const entailmentLabels = ["contradiction", "neutral", "entailment"] as const;

export interface Entailment {
  readonly label: (typeof entailmentLabels)[number];
  /** Softmax over the three labels, 0..1. */
  readonly probability: number;
}

/**
 * Logits for each text about one image. The image tower runs once. -> a list of classes for each text
 * @param head one whose only output is the logits of each text [texts, classes]
 */
export function logitsAbout(
  model: LoadedModel,
  image: ImageInput,
  texts: readonly string[],
  head: Head,
  options: TextOptions,
): Promise<number[][]> {
  return logitsOf(model, texts, options, async () => {
    const imageStates = await model.imageStates([image], "image", options);
    return async (textStates) => {
      const [logits] = Object.values(await model.run(`fusion ${head}`, { ...imageStates, ...textStates }, options));
      return logits!;
    };
  });
}

/** Logits for each text about two images, which go through their towers once: false, true. */
export function logitsAboutTwo(
  model: LoadedModel,
  [first, second]: readonly [ImageInput, ImageInput],
  texts: readonly string[],
  options: TextOptions,
): Promise<number[][]> {
  return logitsOf(model, texts, options, async () => {
    const firstStates = await model.imageStates([first], "image", options);
    const secondStates = await model.imageStates([second], "second image", options);
    const pooled = async (states: States) => (await model.run("fusion pooled", states, options)).pooler_output!;
    return async (textStates) => {
      const first_pooler_output = await pooled({ ...firstStates, ...textStates });
      const second_pooler_output = await pooled({ ...secondStates, ...textStates });
      return (await model.run("comparison nlvr2", { first_pooler_output, second_pooler_output }, options))
        .nlvr2_logits!;
    };
  });
}

/** @param encode runs the towers of the images; the result gives the logits [texts, classes] for text states */
async function logitsOf(
  model: LoadedModel,
  texts: readonly string[],
  options: TextOptions,
  encode: () => Promise<(textStates: States) => Promise<HostTensor>>,
): Promise<number[][]> {
  const rows = new Array<number[]>(texts.length);
  if (texts.length === 0) return rows;
  const logitsFor = await encode();
  for (const chunk of chunksOfEqualLength(model.tokenize(texts, options), model.chunkSize)) {
    const logits = await logitsFor(await model.textStates(chunk, options));
    for (const [row, { index }] of chunk.entries()) rows[index] = logits.row(row).toArray();
  }
  return rows;
}
