/** Options of `evaluate` that act only with some metrics, heads or other options. */
import { InputError } from "../errors.js";
import type { LoadedModel } from "../inference/index.js";
import type { EvaluateOptions } from "./evaluate-model.js";
import { metricEntry, metrics as allMetrics, type Metric, type RankBy } from "./metric-table.js";
import { rerankHead } from "./retrieval/retrieval.js";

/** What is evaluated, and how. */
interface Chosen {
  readonly metrics: readonly Metric[];
  readonly model: LoadedModel;
  readonly rankBy: RankBy;
}

/** An option, whether it acts, and what it acts on. */
type Rule = readonly [name: keyof EvaluateOptions, acts: boolean, actsOn: string];

/** @throws InputError naming the first option that was given and would change nothing */
export function refuseUnusedOptions(options: EvaluateOptions, { metrics, model, rankBy }: Chosen): void {
  const computed = metrics.join(", ");
  const reranks = (options.kTest ?? 0) > 0;
  const evaluatesCaptions = metrics.some((metric) => metricEntry(metric).texts.includes("captions"));
  const ofMetrics = allMetrics.flatMap((metric) =>
    (metricEntry(metric).options ?? []).map((name): Rule => [name, metrics.includes(metric), `the metric ${metric}`]),
  );
  refuseFirst(options, [["captionsPerRow", evaluatesCaptions, "a metric of captions"], ...ofMetrics], computed);
  const fuses = reranks || rankBy !== "similarity";
  refuseFirst(options, [["kTest", rankBy === "similarity", "ranking by similarity"]], `ranking by ${rankBy}`);
  refuseFirst(
    options,
    [["kTest", model.heads.includes(rerankHead), "a checkpoint with the head for ITM, which re-ranks"]],
    `the heads ${model.heads.join(", ")} in ${model.folder}`,
  );
  const chunks = "retrieval that fuses pairs: with kTest, or by rank_output";
  refuseFirst(
    options,
    [
      ["imageChunks", fuses, chunks],
      ["textChunks", fuses, chunks],
    ],
    "retrieval by similarity alone",
  );
}

function refuseFirst(options: EvaluateOptions, rules: readonly Rule[], found: string): void {
  for (const [where, acts, expected] of rules) {
    // kTest 0 is the default.
    const isGiven = options[where] !== undefined && options[where] !== 0;
    if (!isGiven || acts) continue;
    throw new InputError({
      code: "invalid-setting",
      where,
      expected,
      found,
      hint: `Leave ${where} out: it has no effect`,
    });
  }
}
