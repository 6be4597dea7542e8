/** What is measured, in the order of the tables, and the numbers that it is held against. */

/** The test splits; documents are `recipes/emoji/data/<name>.scenes.json` and `<name>-pairs.scenes.json`. */
export const splits = [
  { name: "val", heading: "val" },
  { name: "combo", heading: "combo" },
  { name: "drawing", heading: "drawing" },
  { name: "openmoji", heading: "OpenMoji" },
  { name: "emojione-v1", heading: "EmojiOne v1" },
  { name: "synonym", heading: "synonym" },
] as const;
export type SplitName = (typeof splits)[number]["name"];

/** Shares by split. */
export type BySplit = Readonly<Partial<Record<SplitName, number>>>;

export interface Measure {
  /** In the results of `evaluate`. */
  readonly key: string;
  readonly label: string;
  /** For plots. */
  readonly short: string;
  /** The least that is aimed at. */
  readonly goals?: BySplit;
  /** Of the PyTorch run. */
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
    label: "caption above its one-fact lie",
    short: "match",
    goals: { val: 0.85, openmoji: 0.75, "emojione-v1": 0.75 },
    pytorch: ofPytorch(0.74, 0.73, 0.75, 0.76, 0.72),
  },
  {
    key: "ir_r1",
    label: "recall@1, picture for text",
    short: "txt→pic",
    goals: { val: 0.9 },
    pytorch: pytorchRecall,
  },
  {
    key: "tr_r1",
    label: "recall@1, text for picture",
    short: "pic→txt",
    goals: { val: 0.9 },
    pytorch: pytorchRecall,
  },
  {
    key: "mlm_accuracy",
    label: "hidden tokens",
    short: "tokens",
    pytorch: ofPytorch(0.65, 0.63, 0.63, 0.63, 0.62),
  },
  { key: "nouns_accuracy", label: "hidden nouns", short: "nouns" },
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
  { key: "nlvr2_accuracy", label: "statements about two pictures", short: "pairs", goals: { val: 0.8 } },
];

/** What a lie changes. */
export const facetLabels = {
  obj: "thing",
  rel: "relation",
  size: "size",
  count: "count",
  pos: "position",
  bg: "background",
} as const;
