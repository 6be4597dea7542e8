/** Settings that act only with some objectives or metrics. */
import type { Metric } from "../evaluation/index.js";
import type { ObjectiveName } from "../model/index.js";
import { trainingSettings, type TrainingInput } from "./run-settings.js";
import { metricsOf } from "./validation.js";

/**
 * A warning for each given setting that changes nothing in the run. Those of a preset are not given: a user who replaces its objectives
 * does not know of them.
 */
export function unusedSettings(given: TrainingInput): string[] {
  const settings = trainingSettings(given, "settings", { allowModules: true });
  const learned = Object.keys(settings.objectives) as ObjectiveName[];
  const measured = settings.data.validation === undefined ? [] : metricsOf(settings, learned);
  const learns = (...names: readonly ObjectiveName[]) => names.some((name) => learned.includes(name));
  const measures = (metric: Metric) => measured.includes(metric);
  const rules: readonly (readonly [keyof TrainingInput, boolean, string])[] = [
    ["soft_targets", learns("itc", "itm_itc"), "the objective itc"],
    ["itm_false", learns("itm"), "the objective itm"],
    ["draw_false_text", learns("irtr") || measures("irtr"), "the objective irtr"],
    ["mlm_prob", learns("mlm"), "the objective mlm"],
    ["whole_word_masking", learns("mlm"), "the objective mlm"],
    ["answers", learns("vqa"), "the objective vqa"],
    ["validation", settings.data.validation !== undefined, "data.validation"],
  ];
  const ofRun = rules.filter(([name, acts]) => given[name] !== undefined && given[name] !== false && !acts);
  const retrieval = ["candidates", "k_test", "image_chunks", "text_chunks"] as const;
  const ofRetrieval =
    settings.data.validation === undefined || measures("retrieval")
      ? []
      : retrieval.filter((name) => given.validation?.[name] !== undefined && given.validation[name] !== 0);
  return [
    ...ofRun.map(([name, , needed]) => `${name} has no effect without ${needed}`),
    ...ofRetrieval.map((name) => `validation.${name} has no effect without the metric retrieval`),
  ];
}
