/** Formats the results of all splits as Markdown, beside their goals and baselines. */
import { markdownTable, shareText } from "./formatted-file.js";
import { facetLabels, measures, splits, type BySplit, type Measure, type SplitName } from "./measures.js";
import type { Results } from "./results-cache.js";

export interface AllResults {
  readonly model: Readonly<Partial<Record<SplitName, Results>>>;
  readonly blind: Readonly<Partial<Record<SplitName, Results>>>;
  /** Of each split. */
  readonly rows: number;
  /** Training texts that the blind baseline read. */
  readonly rowsRead: number;
  readonly candidates: number;
}

const headings = splits.map(({ heading }) => heading);

export function resultsSection(all: AllResults): string {
  const parts = [
    markdownTable(
      ["measure", "goal", "who", ...headings],
      measures.flatMap((measure) => rowsOf(measure, all)),
    ),
    notes(all),
    "Captions above their hard negatives, by the attribute that is changed:",
    markdownTable(["what is false", ...headings], facetRows(all)),
  ];
  return parts.join("\n\n");
}

function rowsOf(measure: Measure, { model, blind }: AllResults): string[][] {
  const { key, label, goals = {}, pytorch } = measure;
  const cells = (text: (split: SplitName) => string) => splits.map(({ name }) => text(name));
  const own = cells((split) => {
    const [share, goal] = [model[split]?.[key], goals[split]];
    return share === undefined || goal === undefined
      ? shareText(share)
      : `${shareText(share)} ${share >= goal ? "✓" : "✗"}`;
  });
  const blindly = cells((split) => shareText(blind[split]?.[key]));
  const others = [
    ["blind", blindly, blindly.every((text) => text === shareText(undefined))],
    ["PyTorch", cells((split) => pytorch?.[split]?.toFixed(2) ?? shareText(undefined)), pytorch === undefined],
  ] as const;
  return [
    [label, goalText(goals), "model", ...own],
    ...others.flatMap(([who, texts, isEmpty]) => (isEmpty ? [] : [["", "", who, ...texts]])),
  ];
}

/** `val ≥ 0.85, unseen style ≥ 0.75` */
function goalText({ val, openmoji }: BySplit): string {
  const goals = [
    ["val", val],
    ["unseen style", openmoji],
  ] as const;
  return goals.flatMap(([where, goal]) => (goal === undefined ? [] : [`${where} ≥ ${goal.toFixed(2)}`])).join(", ");
}

function facetRows({ model }: AllResults): string[][] {
  return Object.entries(facetLabels).map(([facet, label]) => [
    label,
    ...splits.map(({ name }) => shareText(model[name]?.[`facet_accuracy_${facet}`])),
  ]);
}

const notes = ({ rows, rowsRead, candidates }: AllResults): string =>
  [
    `${rows} scenes and ${rows} pairs of scenes a split, one caption each; a share of ${rows} is known to ±${(0.5 / Math.sqrt(rows)).toFixed(3)} or better
  (one standard error). ✓ and ✗: the goal is met or not.`,
    `"Caption above its hard negative": the true caption matches better than the same kind of sentence with one attribute changed, by the logits of
  the matching head. Recall is by similarity of the embeddings among ${candidates} rows. "Masked tokens" are sampled from all tokens of a caption
  as in training; "masked nouns" are the nouns, masked one at a time and predicted among all tokens.`,
    `"Entailment against contradiction" leaves neutral hypotheses and the neutral logit out.`,
    `"Blind" sees no image: ${rowsRead} training scenes and ${rowsRead} pairs were read for the most frequent answer or label of each question,
  hypothesis and statement with nouns and colours taken out, the most frequent noun between the same two tokens, and the odds of words
  (naive Bayes) for matching.`,
    `"PyTorch": the small model trained with the classes of transformers before this project's trainer, on 256 scenes a split (about ±0.03).
  Its split of unseen styles mixes both art sets (the same number in both columns), its recall is one number for both directions, its masked tokens are random tokens,
  not nouns. It has no entailment and no statements.`,
    `Statements of "combo" hold out pairs of nouns, but no noun with a background: less is new than in its single scenes.`,
  ]
    .map((note) => `- ${note}`)
    .join("\n");
