/** One entry a metric: what it requires of the data set and of the checkpoint, and how it is made. */
import type { Dataset, TextKind } from "../data/index.js";
import { InputError } from "../errors.js";
import type { LoadedModel } from "../inference/index.js";
import type { BridgeTowerConfig, Head } from "../model/index.js";
import type { RequiredInputs } from "./encoded-row.js";
import type { EvaluateOptions } from "./evaluate-model.js";
import { Classes } from "./metrics/classes.js";
import { Contrast } from "./metrics/contrast.js";
import { MaskedTokens } from "./metrics/masked-tokens.js";
import { Facets, Matching, type MatchLogits } from "./metrics/matching.js";
import type { EvalContext, RowMetric } from "./metrics/metric.js";
import { Questions } from "./metrics/questions.js";
import { Ranking } from "./metrics/ranking.js";
import { maxPairs, Retrieval, type RetrievalSettings } from "./retrieval/retrieval.js";

/** What metrics are made with. */
export interface MetricSettings extends RetrievalSettings {
  /** Logits that metrics of matching share. */
  readonly matchLogits: MatchLogits;
  readonly contrastBatchSize: number;
  readonly falseTexts: number;
  /** The answers of the VQA classifier, or a JSON file with them. Default: those of the model folder. */
  readonly answers: string | readonly string[] | undefined;
}

interface MetricEntry {
  readonly texts: readonly TextKind[];
  /** One of these heads. */
  readonly heads: readonly Head[];
  /** Default: the states of the first image. */
  readonly inputs?: (config: BridgeTowerConfig, rankBy: RankBy) => RequiredInputs;
  /** Results by which checkpoints can be compared, the usual one first. Of a `_loss` smaller is better, of others larger. */
  readonly results: readonly [string, ...string[]];
  /** Options that act with this metric alone. */
  readonly options?: readonly (keyof EvaluateOptions)[];
  /** Whether it is among the metrics if none are named. Default true. */
  readonly isDefault?: (evaluated: Evaluated) => boolean;
  readonly create: (context: EvalContext, settings: MetricSettings) => RowMetric | Promise<RowMetric>;
}

const none: RequiredInputs = { bridge: false, second: false, embeddings: false };
const fused: RequiredInputs = { ...none, bridge: true };

const table = {
  itm: {
    texts: ["captions"],
    heads: ["itm"],
    results: ["itm_accuracy", "itm_loss"],
    create: (context, { matchLogits }) => new Matching(context, matchLogits),
  },
  facet: {
    texts: ["captions", "negatives"],
    heads: ["itm"],
    results: ["facet_accuracy"],
    create: (_context, { matchLogits }) => new Facets(matchLogits),
  },
  itc: {
    texts: ["captions"],
    heads: ["itc"],
    results: ["itc_loss"],
    // The dual form compares towers alone.
    inputs: ({ contrastive_form }) => ({ ...none, bridge: contrastive_form === "joint", embeddings: true }),
    options: ["contrastBatchSize"],
    create: async (context, { contrastBatchSize }) =>
      new Contrast(context, await context.model.contrastiveScale(), contrastBatchSize),
  },
  mlm: {
    texts: ["captions"],
    heads: ["mlm"],
    results: ["mlm_accuracy", "mlm_loss"],
    create: (context) => new MaskedTokens(context),
  },
  vqa: {
    texts: ["questions"],
    heads: ["vqa"],
    results: ["vqa_score", "vqa_loss"],
    options: ["answers"],
    create: (context, { answers }) => Questions.create(context, answers),
  },
  snli: {
    texts: ["hypotheses"],
    heads: ["snli"],
    results: ["snli_accuracy", "snli_loss"],
    create: (context) => new Classes(context, "snli"),
  },
  nlvr2: {
    texts: ["statements"],
    heads: ["nlvr2"],
    results: ["nlvr2_accuracy", "nlvr2_loss"],
    inputs: () => ({ ...fused, second: true }),
    create: (context) => new Classes(context, "nlvr2"),
  },
  irtr: {
    texts: ["captions"],
    heads: ["rank"],
    results: ["irtr_loss", "irtr_accuracy"],
    options: ["falseTexts"],
    create: (context, { falseTexts }) => new Ranking(context, falseTexts),
  },
  retrieval: {
    texts: ["captions"],
    heads: ["itc", "rank"],
    results: ["r_mean", "tr_mean", "ir_mean", "tr_r1", "tr_r5", "tr_r10", "ir_r1", "ir_r5", "ir_r10"],
    inputs: (_config, rankBy) => ({ ...none, embeddings: rankBy === "similarity" }),
    options: ["candidates", "rankBy", "kTest", "imageChunks", "textChunks"],
    isDefault: ({ model, pairs }) => model.heads.includes("itc") && pairs <= maxPairs,
    create: (context, settings) => {
      const { model } = context;
      model.requireHead(settings.rankBy === "similarity" ? "itc" : "rank");
      return new Retrieval(context, settings);
    },
  },
} as const satisfies Readonly<Record<string, MetricEntry>>;

export type Metric = keyof typeof table;

/** Names of all metrics. */
// Object.keys knows only strings; the table has no other keys than these.
export const metrics = Object.keys(table) as readonly Metric[];

/** @internal */
export const metricEntry = (metric: Metric): MetricEntry => table[metric];

/** How retrieval ranks. */
export const rankings = ["similarity", "rank_output"] as const;
export type RankBy = (typeof rankings)[number];

/** How retrieval ranks with this checkpoint by default. */
export const defaultRankBy = ({ heads }: LoadedModel): RankBy => (heads.includes("itc") ? "similarity" : "rank_output");

/** The inputs that all of these metrics require together. */
export function requiredInputs(wanted: readonly Metric[], { config }: LoadedModel, rankBy: RankBy): RequiredInputs {
  const inputs = wanted.map((metric) => metricEntry(metric).inputs?.(config, rankBy) ?? fused);
  return {
    bridge: inputs.some(({ bridge }) => bridge),
    second: inputs.some(({ second }) => second),
    embeddings: inputs.some(({ embeddings }) => embeddings),
  };
}

/** How many texts of a kind the rows have. */
export function countTexts({ counts }: Dataset, kind: TextKind, rows: number): number {
  return counts[kind].subarray(0, rows).reduce((sum, count) => sum + count, 0);
}

/** Kinds of texts that a metric requires and the data set lacks. */
function missingFor(metric: Metric, data: Dataset, rows: number): string[] {
  return metricEntry(metric).texts.filter((kind) => countTexts(data, kind, rows) === 0);
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
    expected: `${metricEntry(metric).texts.join(" and ")}, which ${metric} evaluates`,
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
    const { heads } = metricEntry(metric);
    requireTexts(metric, data, rows, { where: data.name, hint: "Choose another data set or other metrics" });
    // Names what is missing.
    if (!heads.some((head) => model.canRun(head))) model.requireHead(heads[0]!);
  }
  return metrics.filter((metric) => given.includes(metric));
}

function allowed(evaluated: Evaluated): readonly Metric[] {
  const { data, rows, model } = evaluated;
  const found = metrics.filter((metric) => {
    const { heads, isDefault } = metricEntry(metric);
    return (
      missingFor(metric, data, rows).length === 0 &&
      heads.some((head) => model.canRun(head)) &&
      isDefault?.(evaluated) !== false
    );
  });
  if (found.length > 0) return found;
  const kinds = (Object.keys(data.counts) as TextKind[]).filter((kind) => countTexts(data, kind, rows) > 0);
  throw new InputError({
    code: "missing-data",
    where: data.name,
    expected: `texts that one of the heads of ${model.folder} evaluates (${model.heads.join(", ") || "it has none"})`,
    found: kinds.join(", ") || "no texts",
    hint: "Choose another data set or another checkpoint",
  });
}
