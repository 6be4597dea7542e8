/** The graphs that the tasks run, and what each task needs of a checkpoint. */
import { InputError } from "../errors.js";
import {
  comparisonPart,
  fusionPart,
  imagePart,
  nativeImage,
  textPart,
  type BridgeTowerConfig,
  type Head,
  type Outputs,
} from "../model/index.js";

export const parts = {
  text: (config) => textPart(config).bridge,
  image: (config) => imagePart(config, nativeImage(config)).bridge,
  "second image": (config) => imagePart(config, nativeImage(config), 2).bridge,
  "fusion itm": (config) => fusionPart(config, nativeImage(config), 1, "first").itm(),
  "fusion mlm": (config) => fusionPart(config, nativeImage(config), 1, "all").mlm(),
  "fusion itc": (config) => fusionPart(config, nativeImage(config), "batch", "first").itc(),
  "fusion itc, one image": (config) => fusionPart(config, nativeImage(config), 1, "first").itc(),
  "fusion vqa": (config) => fusionPart(config, nativeImage(config), 1, "first").vqa(),
  "fusion snli": (config) => fusionPart(config, nativeImage(config), 1, "first").snli(),
  "fusion rank": (config) => fusionPart(config, nativeImage(config), 1, "first").rank(),
  "fusion pooled": (config) => fusionPart(config, nativeImage(config), 1, "first").pooled(),
  comparison: comparisonPart,
  "embed text": (config) => textPart(config).embeds(),
  "embed image": (config) => imagePart(config, nativeImage(config)).embeds(),
  "image and embedding": (config) => {
    const { bridge, embeds } = imagePart(config, nativeImage(config));
    return { ...bridge, ...embeds() };
  },
} satisfies Record<string, (config: BridgeTowerConfig) => Outputs>;

export type Part = keyof typeof parts;

interface TaskNeeds {
  readonly head: Head;
  /** In the order in which they run. */
  readonly parts: readonly Part[];
  /** @throws InputError when the model that the config describes cannot do the task */
  readonly check?: (config: BridgeTowerConfig, task: string) => void;
}

export const tasks = {
  match: { head: "itm", parts: ["text", "image", "fusion itm"] },
  fillMask: { head: "mlm", parts: ["text", "image", "fusion mlm"] },
  embedText: { head: "itc", parts: ["embed text"] },
  embedImage: { head: "itc", parts: ["embed image"] },
  embedPair: { head: "itc", parts: ["text", "image", "fusion itc"], check: checkJointForm },
  answer: { head: "vqa", parts: ["text", "image", "fusion vqa"] },
  entail: { head: "snli", parts: ["text", "image", "fusion snli"] },
  compare: {
    head: "nlvr2",
    parts: ["text", "image", "second image", "fusion pooled", "comparison"],
    check: checkSecondImage,
  },
} satisfies Record<string, TaskNeeds>;

export type Task = keyof typeof tasks;

/** What the task needs. */
export const needsOf = (task: Task): TaskNeeds => tasks[task];

/** @throws InputError when the contrastive heads are the two of the towers, without one for pairs */
export function checkJointForm({ contrastive_form }: BridgeTowerConfig, where: string): void {
  if (contrastive_form === "joint") return;
  throw new InputError({
    code: "unsupported-task",
    where,
    expected: "a checkpoint with an embedding of pairs",
    found: `contrastive_form "${contrastive_form}" in config.json, which has embeddings of texts and of images only`,
    hint: "Use embedText and embedImage, or name another checkpoint",
  });
}

function checkSecondImage({ token_type_count }: BridgeTowerConfig, where: string): void {
  if (token_type_count >= 3) return;
  throw new InputError({
    code: "unsupported-task",
    where,
    expected: "a checkpoint with a token type for the second image (token_type_count 3 in config.json)",
    found: String(token_type_count),
    hint: "Name a checkpoint that was trained to compare images",
  });
}
