/** Evaluates a checkpoint on the validation data, and selects the metric for the best checkpoint. */
import { basename } from "node:path";
import type { Dataset } from "../data/index.js";
import { threadsOfRank, type Collective } from "../distributed/index.js";
import { InputError } from "../errors.js";
import {
  evaluate,
  metricEntry,
  requireTexts,
  rerankHead,
  type EvaluateOptions,
  type Metric,
} from "../evaluation/index.js";
import type { Head, ObjectiveName } from "../model/index.js";
import { objectiveData, type Results } from "./objective-data.js";
import type { TrainingSettings } from "./run-settings.js";

export interface ValidationOptions {
  readonly settings: TrainingSettings;
  readonly objectives: readonly ObjectiveName[];
  readonly datasets: readonly Dataset[];
  readonly signal: AbortSignal | undefined;
  readonly onProgress: EvaluateOptions["onProgress"];
  /** The ranks that share the validation. */
  readonly collective: Collective;
}

/** The metrics of a validation. */
export const metricsOf = ({ validation }: TrainingSettings, objectives: readonly ObjectiveName[]): readonly Metric[] =>
  validation.metrics ?? [...new Set(objectives.flatMap((name) => objectiveData[name].metrics))];

/**
 * Whether all that is to be measured has its texts and heads, asked before the first step and not after an epoch.
 * @throws InputError naming the data set that lacks texts, or the setting that the model cannot follow
 */
export function checkValidation({
  settings,
  objectives,
  datasets,
  heads,
}: Pick<ValidationOptions, "settings" | "objectives" | "datasets"> & { readonly heads: readonly Head[] }): void {
  const { limit, candidates = 0, k_test } = settings.validation;
  const reranks = k_test > 0 && datasets.length > 0 && metricsOf(settings, objectives).includes("retrieval");
  if (reranks && !heads.includes(rerankHead)) {
    throw new InputError({
      code: "invalid-setting",
      where: "validation.k_test",
      expected: "a model with the head for ITM, which re-ranks",
      found: heads.length === 0 ? "none" : `the heads ${heads.join(", ")}`,
      hint: "Set validation.k_test to 0, or train an objective with that head",
    });
  }
  for (const data of datasets) {
    const rows = Math.min(data.rows, limit ?? data.rows);
    if (candidates > rows) {
      const where = `validation.candidates for ${data.name}`;
      throw new InputError({
        code: "invalid-setting",
        where,
        expected: `at most ${rows}, the rows that are evaluated`,
        found: String(candidates),
      });
    }
    for (const metric of metricsOf(settings, objectives)) {
      requireTexts(metric, data, rows, {
        where: `data.validation: ${data.name}`,
        hint: "Name another data set, or other metrics in validation.metrics",
      });
    }
  }
}

/** @param model folder of the checkpoint */
export async function validate(model: string, options: ValidationOptions): Promise<Results> {
  const { settings, objectives, datasets, signal, onProgress, collective } = options;
  const { limit, candidates, captions_per_row, k_test, image_chunks, text_chunks } = settings.validation;
  const metrics = metricsOf(settings, objectives);
  // Settings of other metrics than these have no effect; `evaluate` would refuse them.
  const ofRetrieval = metrics.includes("retrieval")
    ? { candidates, kTest: k_test, imageChunks: image_chunks, textChunks: text_chunks }
    : {};
  const ofCaptions = metrics.some((metric) => metricEntry(metric).texts.includes("captions"));
  const results: Record<string, number> = {};
  const prefixes = prefixesOf(datasets);
  for (const [i, data] of datasets.entries()) {
    const found = await evaluate({
      model,
      data,
      metrics,
      limit,
      ...ofRetrieval,
      ...(ofCaptions ? { captionsPerRow: captions_per_row } : {}),
      transform: settings.val_transform,
      maxTextLength: settings.max_text_len,
      ...(metrics.includes("irtr") ? { falseTexts: settings.draw_false_text } : {}),
      load: { threads: settings.threads ?? threadsOfRank(collective) },
      collective,
      signal,
      onProgress,
    });
    for (const [name, value] of Object.entries(found.results)) results[prefixes[i]! + name] = value;
  }
  return results;
}

/** The authors' `the_metric`: the sum over the objectives, larger is better. Contrast alone counts by its loss. */
export const theMetric = (results: Results, objectives: readonly ObjectiveName[]): number =>
  objectives.reduce((sum, name) => sum + objectiveData[name].best(results), 0);

/** Empty for the first data set; the names of the others, with a number if two have the same name. */
function prefixesOf(datasets: readonly Dataset[]): string[] {
  const names = datasets.map(({ name }) => basename(name).replace(/\.\w+$/, ""));
  return names.map((name, i) => {
    if (i === 0) return "";
    return names.indexOf(name) === names.lastIndexOf(name) ? `${name}_` : `${name}_${i + 1}_`;
  });
}
