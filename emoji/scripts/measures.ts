/** The measures in the order of the tables, and their reference values. */
import type { Split } from "../src/index.js";
import type { SplitScenes } from "./evaluate-scenes.js";

/** The test splits. */
export const splits = [
  { name: "val", heading: "val", split: "val" },
  { name: "combo", heading: "combo", split: "combo" },
  { name: "drawing", heading: "drawing", split: "drawing" },
  { name: "openmoji", heading: "OpenMoji", split: "style-openmoji" },
  { name: "emojione-v1", heading: "EmojiOne v1", split: "style-emojione-v1" },
  { name: "synonym", heading: "synonym", split: "synonym" },
] as const satisfies readonly { readonly name: string; readonly heading: string; readonly split: Split }[];
export type SplitName = (typeof splits)[number]["name"];

/** The scenes of a test split. */
export function testScenes(split: Split, rows = 1024): SplitScenes {
  const scenes = { split, seed: 2026, rows, size: 96 } as const;
  return { scenes, pairs: { ...scenes, kind: "pairs" } };
}

/** The training scenes that the blind baseline reads: those of `2-scenes` and `5-pairs`. */
export const trainingScenes: SplitScenes = {
  scenes: { split: "train", seed: 2, rows: 1_000_000, size: 96 },
  pairs: { split: "train", kind: "pairs", seed: 3, rows: 1_000_000, size: 96 },
};

/** Shares by split. */
export type BySplit = Readonly<Partial<Record<SplitName, number>>>;

export interface Measure {
  /** In the results of `evaluate`. */
  readonly key: string;
  readonly label: string;
  /** For plots. */
  readonly short: string;
  /** The goal: at least this share. */
  readonly goals?: BySplit;
  /** Results of the PyTorch run. */
  readonly pytorch?: BySplit;
}

/** That run's split of unseen styles has both art sets. */
const ofPytorch = (val: number, combo: number, drawing: number, style: number, synonym: number): BySplit => ({
  val,
  combo,
  drawing,
  openmoji: style,
  "emojione-v1": style,
  synonym,
});

/** One number for both directions. */
const pytorchRecall = ofPytorch(0.61, 0.48, 0.54, 0.48, 0.52);

export const measures: readonly Measure[] = [
  {
    key: "facet_accuracy",
    label: "caption above its hard negative",
    short: "match",
    goals: { val: 0.85, openmoji: 0.75, "emojione-v1": 0.75 },
    pytorch: ofPytorch(0.74, 0.73, 0.75, 0.76, 0.72),
  },
  {
    key: "ir_r1",
    label: "recall@1, image for text",
    short: "txt→img",
    goals: { val: 0.9 },
    pytorch: pytorchRecall,
  },
  {
    key: "tr_r1",
    label: "recall@1, text for image",
    short: "img→txt",
    goals: { val: 0.9 },
    pytorch: pytorchRecall,
  },
  {
    key: "mlm_accuracy",
    label: "masked tokens",
    short: "tokens",
    pytorch: ofPytorch(0.65, 0.63, 0.63, 0.63, 0.62),
  },
  { key: "nouns_accuracy", label: "masked nouns", short: "nouns" },
  {
    key: "vqa_score",
    label: "answers (VQA)",
    short: "VQA",
    goals: { val: 0.8 },
    pytorch: ofPytorch(0.56, 0.55, 0.6, 0.53, 0.53),
  },
  {
    key: "snli_accuracy_without_neutral",
    label: "entailment against contradiction",
    short: "entail",
    goals: { val: 0.85 },
  },
  { key: "snli_accuracy", label: "entailment, three classes", short: "3-class" },
  { key: "nlvr2_accuracy", label: "statements about two images", short: "pairs", goals: { val: 0.8 } },
];

/** The attributes that hard negatives change. */
export const facetLabels = {
  obj: "thing",
  rel: "relation",
  size: "size",
  count: "count",
  pos: "position",
  bg: "background",
} as const;
