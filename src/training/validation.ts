/** Evaluates a checkpoint on the validation data, and selects the metric for the best checkpoint. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type Dataset } from "../data/index.js";
import { datasetFacts } from "../data/internal.js";
import { threadsOfRank, type Collective } from "../distributed/index.js";
import { InputError, nearestHint } from "../errors.js";
import { evaluate, type EvaluateOptions, type Metric } from "../evaluation/index.js";
import { metricEntry, requireTexts, rerankHead } from "../evaluation/internal.js";
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
        hint: "Choose another data set, or other metrics in validation.metrics",
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

/** The sum of the named results, with losses subtracted: larger is better. NaN if one was not measured, because no row counted for it. */
export const theMetric = (results: Results, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + (name.endsWith("_loss") ? -1 : 1) * (results[name] ?? NaN), 0);

/** Of the settings and data that decide the results of a validation: only those with the same hash can be compared. A safe integer. */
export function validationHash({
  settings,
  objectives,
  datasets,
}: Pick<ValidationOptions, "settings" | "objectives" | "datasets">): number {
  const { limit, candidates, captions_per_row, k_test } = settings.validation;
  const facts = [
    metricsOf(settings, objectives),
    bestResults(settings, objectives),
    [limit, candidates, captions_per_row, k_test],
    [settings.val_transform, settings.max_text_len, settings.draw_false_text],
    datasets.map((data) => Object.values(datasetFacts(data, ""))),
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest().readUIntBE(0, 6);
}

/** Empty for the first data set; the names of the others, with a number if two have the same name. */
function prefixesOf(datasets: readonly Dataset[]): string[] {
  const names = datasets.map(({ name }) => basename(name).replace(/\.\w+$/, ""));
  return names.map((name, i) => {
    if (i === 0) return "";
    return names.indexOf(name) === names.lastIndexOf(name) ? `${name}_` : `${name}_${i + 1}_`;
  });
}
