/** Evaluates a checkpoint on the validation data, and selects the metric for the best checkpoint. */
import { basename } from "node:path";
import type { Dataset } from "../data/index.js";
import { threadsOfRank, type Collective } from "../distributed/index.js";
import { InputError, nearestHint } from "../errors.js";
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
  checkBestMetric(settings, objectives, datasets);
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

function checkBestMetric(
  settings: TrainingSettings,
  objectives: readonly ObjectiveName[],
  datasets: readonly Dataset[],
): void {
  const { best_metric } = settings.validation;
  if (best_metric === undefined || datasets.length === 0) return;
  const measured = metricsOf(settings, objectives).flatMap((metric) => metricEntry(metric).results);
  const names = prefixesOf(datasets).flatMap((prefix) => measured.map((name) => prefix + name));
  if (names.includes(best_metric)) return;
  throw new InputError({
    code: "invalid-setting",
    where: "validation.best_metric",
    expected: `one of the measured results: ${names.join(", ")}`,
    found: best_metric,
    hint: nearestHint(best_metric, names) ?? "Add its metric to validation.metrics",
  });
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

/**
 * The results by which checkpoints are compared: `best_metric`, else those of the objectives (the authors' `the_metric`) that are measured
 * on the first data set, else the first that is measured.
 */
export function bestResults(settings: TrainingSettings, objectives: readonly ObjectiveName[]): readonly string[] {
  const { best_metric } = settings.validation;
  if (best_metric !== undefined) return [best_metric];
  const measured = metricsOf(settings, objectives).map((metric) => metricEntry(metric).results);
  const ofObjectives = objectives.map((name) => objectiveData[name].best);
  const found = ofObjectives.filter((name) => measured.some((results) => results.includes(name)));
  return found.length > 0 ? found : [measured[0]![0]];
}

/**
 * The sum of the named results, with losses subtracted: larger is better.
 * @throws InputError if one was not measured, because all its rows were left out
 */
export function theMetric(results: Results, names: readonly string[]): number {
  return names.reduce((sum, name) => {
    const value = results[name];
    if (value !== undefined) return sum + (name.endsWith("_loss") ? -value : value);
    throw new InputError({
      code: "missing-data",
      where: "data.validation",
      expected: `${name}, by which checkpoints are compared`,
      found: "no row with an image that can be read and a text for it",
      hint: "Correct the data set, or name another result in validation.best_metric",
    });
  }, 0);
}

/** Empty for the first data set; the names of the others, with a number if two have the same name. */
function prefixesOf(datasets: readonly Dataset[]): string[] {
  const names = datasets.map(({ name }) => basename(name).replace(/\.\w+$/, ""));
  return names.map((name, i) => {
    if (i === 0) return "";
    return names.indexOf(name) === names.lastIndexOf(name) ? `${name}_` : `${name}_${i + 1}_`;
  });
}
