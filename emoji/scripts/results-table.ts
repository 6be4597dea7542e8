/** The results of all splits as Markdown, beside what they are held against. */
import { markdownTable, shareText } from "./formatted-file.js";
import { facetLabels, measures, splits, type BySplit, type Measure, type SplitName } from "./measures.js";
import type { Results } from "./kept-results.js";

export interface AllResults {
  readonly model: Readonly<Partial<Record<SplitName, Results>>>;
  readonly blind: Readonly<Partial<Record<SplitName, Results>>>;
  /** Of each split. */
  readonly rows: number;
  /** Training texts that the blind judge has read. */
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
    "Captions above their one-fact lie, by what the lie changes:",
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
    `"Caption above its one-fact lie": the true caption matches better than the same kind of sentence with one fact changed, by the logits of
  the matching head. Recall is by similarity of the embeddings among ${candidates} rows. "Hidden tokens" are drawn among all tokens of a caption
  as in training; "hidden nouns" are the words for things, hidden one at a time and named among all tokens.`,
    `"Entailment against contradiction" leaves neutral hypotheses and the neutral logit out.`,
    `"Blind" has seen no picture: ${rowsRead} training scenes and ${rowsRead} pairs were read for the most frequent answer or label of each question,
  hypothesis and statement with nouns and colours taken out, the most frequent noun between the same two tokens, and the odds of words
  (naive Bayes) for matching.`,
    `"PyTorch": the small model trained with the classes of transformers before this project's trainer, on 256 scenes a split (about ±0.03).
  Its split of unseen styles mixes both art sets (the same number in both columns), its recall is one number for both directions, its hidden tokens are tokens at random,
  not nouns. It has no entailment and no statements.`,
    `Statements of "combo" hold pairs of nouns out, not a noun with a background: what is new there is less than in its single scenes.`,
  ]
    .map((note) => `- ${note}`)
    .join("\n");
