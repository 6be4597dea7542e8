/** The metrics, and what each requires of the data set and of the checkpoint. */
import type { Dataset, TextKind } from "../data/index.js";
import { InputError } from "../errors.js";
import type { Head } from "../model/index.js";
import type { LoadedModel } from "../inference/index.js";
import { maxPairs } from "./retrieval/retrieval.js";
import type { RequiredInputs } from "./encoded-row.js";

interface Needs extends RequiredInputs {
  readonly texts: readonly TextKind[];
  /** One of these heads. */
  readonly heads: readonly Head[];
}

const fused: RequiredInputs = { bridge: true, second: false, embeddings: false };

const table = {
  itm: { ...fused, texts: ["captions"], heads: ["itm"] },
  facet: { ...fused, texts: ["captions", "negatives"], heads: ["itm"] },
  itc: { ...fused, embeddings: true, texts: ["captions"], heads: ["itc"] },
  mlm: { ...fused, texts: ["captions"], heads: ["mlm"] },
  vqa: { ...fused, texts: ["questions"], heads: ["vqa"] },
  snli: { ...fused, texts: ["hypotheses"], heads: ["snli"] },
  nlvr2: { ...fused, second: true, texts: ["statements"], heads: ["nlvr2"] },
  irtr: { ...fused, texts: ["captions"], heads: ["rank"] },
  retrieval: { bridge: false, second: false, embeddings: true, texts: ["captions"], heads: ["itc", "rank"] },
} as const satisfies Readonly<Record<string, Needs>>;

export type Metric = keyof typeof table;

/** Names of all metrics. */
// Object.keys knows only strings; the table has no other keys than these.
export const metrics = Object.keys(table) as readonly Metric[];

/** @internal */
export const needsOf = (metric: Metric): Needs => table[metric];

/** The inputs that all of these metrics require together. */
export function requiredInputs(wanted: readonly Metric[], model: LoadedModel, rankBy: RankBy): RequiredInputs {
  const needs = wanted.map((metric) => (metric === "retrieval" && rankBy === "rank_output" ? none : table[metric]));
  const dual = model.config.contrastive_form === "dual";
  return {
    // The dual form compares towers alone.
    bridge: wanted.some((metric, i) => needs[i]!.bridge && !(metric === "itc" && dual)),
    second: needs.some(({ second }) => second),
    embeddings: needs.some(({ embeddings }) => embeddings),
  };
}

const none: RequiredInputs = { bridge: false, second: false, embeddings: false };

/** How retrieval ranks. */
export const rankings = ["similarity", "rank_output"] as const;
export type RankBy = (typeof rankings)[number];

/** How many texts of a kind the rows have. */
export function countTexts({ counts }: Dataset, kind: TextKind, rows: number): number {
  return counts[kind].subarray(0, rows).reduce((sum, count) => sum + count, 0);
}

/** Kinds of texts that a metric requires and the data set lacks. */
function missingFor(metric: Metric, data: Dataset, rows: number): string[] {
  return needsOf(metric).texts.filter((kind) => countTexts(data, kind, rows) === 0);
}

/**
 * @param rows number of rows that are evaluated, from the first on
 * @param context where the data set was named, and the hint
 * @throws InputError if they have none of the texts that the metric evaluates
 * @internal
 */
export function requireTexts(
  metric: Metric,
  data: Dataset,
  rows: number,
  context: { where: string; hint: string },
): void {
  const lacks = missingFor(metric, data, rows);
  if (lacks.length === 0) return;
  throw new InputError({
    code: "missing-data",
    ...context,
    expected: `${needsOf(metric).texts.join(" and ")}, which ${metric} evaluates`,
    found: `no ${lacks.join(" and no ")}`,
  });
}

/** What is evaluated. */
export interface Evaluated {
  readonly data: Dataset;
  /** Number of rows, from the first on. */
  readonly rows: number;
  readonly model: LoadedModel;
  /** Pairs that retrieval would compare. */
  readonly pairs: number;
}

/**
 * The given metrics; by default all that data set and checkpoint allow, without those that take far longer than the others: retrieval by
 * `rank_output`, and by similarity beyond 2^31 pairs.
 * @throws InputError if a given metric is not possible, or no metric is
 */
export function chooseMetrics(given: readonly Metric[] | undefined, evaluated: Evaluated): readonly Metric[] {
  if (given === undefined) return allowed(evaluated);
  if (given.length === 0) {
    throw new InputError({
      code: "invalid-setting",
      where: "metrics",
      expected: `at least one of ${metrics.join(", ")}`,
      found: "none",
    });
  }
  const { data, rows, model } = evaluated;
  for (const metric of given) {
    const { heads } = needsOf(metric);
    requireTexts(metric, data, rows, { where: data.name, hint: "Name another data set or other metrics" });
    // Names the parameters that are missing.
    if (!heads.some((head) => model.heads.includes(head))) model.requireHead(heads[0]!);
    if (metric === "nlvr2") model.requireTask("compare");
  }
  return metrics.filter((metric) => given.includes(metric));
}

function allowed({ data, rows, model, pairs }: Evaluated): readonly Metric[] {
  const { heads: present, config } = model;
  const found = metrics.filter((metric) => {
    const { heads } = needsOf(metric);
    if (missingFor(metric, data, rows).length > 0) return false;
    if (metric === "retrieval") return present.includes("itc") && pairs <= maxPairs;
    if (metric === "nlvr2" && config.token_type_count < 3) return false;
    return heads.some((head) => present.includes(head));
  });
  if (found.length > 0) return found;
  const kinds = (Object.keys(data.counts) as TextKind[]).filter((kind) => countTexts(data, kind, rows) > 0);
  throw new InputError({
    code: "missing-data",
    where: data.name,
    expected: `texts that one of the heads of ${model.folder} evaluates (${present.join(", ") || "it has none"})`,
    found: kinds.join(", ") || "no texts",
    hint: "Name another data set or another checkpoint",
  });
}
