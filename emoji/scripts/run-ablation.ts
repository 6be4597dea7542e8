/**
 * Compares BridgeTower with METER at equal data, steps and size. As in the papers, both start from the same trained towers: those of the
 * packaged model's first contrastive runs, which read no cross-modal layer and so favour neither. Then each learns all heads, with the same
 * initial values for shared parameters. The seed determines initial values, scenes and all random choices.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parameterList, parseConfig, type Head } from "bridgetower/learner";
import { train, type TrainingInput, type TrainOptions } from "bridgetower/training";
import type { ScenesOptions } from "../src/index.js";
import { evaluateScenes, ingredients, type Selection, type SplitScenes, type Watched } from "./evaluate-scenes.js";
import type { ResultsCache, Results } from "./results-cache.js";

export const models = ["bridgetower", "meter"] as const;
export type ModelType = (typeof models)[number];

/** The settings of a run whose data sets are scenes. */
export interface RunSettings extends TrainingInput {
  readonly data: { readonly train: Scenes; readonly validation?: Scenes };
}

interface Scenes {
  readonly module: string;
  readonly options: ScenesOptions;
}

export interface AblationPlan {
  /** The runs that train the towers, one after another. */
  readonly towers: readonly RunSettings[];
  /** Settings of both models for every seed. Scenes and folders are derived from them. */
  readonly heads: RunSettings;
  readonly seeds: readonly number[];
  /** The folder that module paths in the settings are relative to. */
  readonly modulesFrom: string;
  /** Folder of all runs. */
  readonly output: string;
  /** By the names under which results are stored. */
  readonly splits: Readonly<Record<string, SplitScenes>>;
  readonly selection: Selection;
}

/** The results of one model with one seed. */
export interface Run {
  readonly model: ModelType;
  readonly seed: number;
  /** Number of parameters of the model with all heads. */
  readonly parameters: number;
  /** By split. */
  readonly results: Readonly<Record<string, Results>>;
}

export interface AblationOptions extends Watched {
  /** Called after every step. @param run the name of its folder */
  readonly onStep?: (run: string, progress: Parameters<NonNullable<TrainOptions["onStep"]>>[0]) => void;
  readonly onWarning?: (message: string) => void;
  readonly onRun?: (run: Run) => void;
  /** Called when both models of a seed have been evaluated. */
  readonly onSeed?: (runs: readonly Run[]) => Promise<void>;
}

/** @throws the reason of the signal if it is aborted; the next call resumes */
export async function runAblation(
  plan: AblationPlan,
  kept: ResultsCache,
  options: AblationOptions = {},
): Promise<readonly Run[]> {
  const { towers, heads, seeds, selection } = plan;
  await kept.describe({ towers, heads, seeds, ...selection });
  for (const settings of towers) await trained(settings, plan, options);
  const runs: Run[] = [];
  for (const seed of seeds) {
    const { module, options: scenes } = heads.data.train;
    // Differs from the seeds of the towers' scenes and of the tests.
    const data = { train: { module, options: { ...scenes, seed: 1000 * scenes.seed + seed } } };
    for (const model of models) {
      const output = join(plan.output, `${model}-${seed}`);
      const config = { ...heads.config, model_type: model };
      await trained({ ...heads, data, seed, output, config }, plan, options);
      const parameters = await parametersOf(output, plan);
      const results = await evaluated(output, `${model}-${seed}`, plan, kept, options);
      const run: Run = { model, seed, parameters, results };
      runs.push(run);
      options.onRun?.(run);
    }
    await options.onSeed?.(runs);
  }
  return runs;
}

/** A finished run returns within two seconds. */
async function trained(
  settings: RunSettings,
  { modulesFrom }: AblationPlan,
  { signal, onStep, onWarning }: AblationOptions,
): Promise<void> {
  const run = basename(settings.output);
  const { interrupted } = await train(settings, {
    modulesFrom,
    signal,
    onStep: (progress) => onStep?.(run, progress),
    onWarning: (message) => onWarning?.(`${run}: ${message}`),
  });
  if (interrupted) throw signal?.reason ?? new Error(`${run} was interrupted`);
}

async function evaluated(
  folder: string,
  run: string,
  { splits, selection }: AblationPlan,
  kept: ResultsCache,
  { signal, onProgress }: Watched,
): Promise<Run["results"]> {
  const results: Record<string, Results> = {};
  for (const [split, scenes] of Object.entries(splits)) {
    const watched: Watched = {
      signal,
      onProgress: (part, ...counts) => onProgress?.(`${run}, ${split} ${part}`, ...counts),
    };
    const made = await ingredients(folder, scenes, selection);
    results[split] = await kept.of(`${run}/${split}`, made, () => evaluateScenes(folder, scenes, selection, watched));
  }
  return results;
}

async function parametersOf(folder: string, { heads }: AblationPlan): Promise<number> {
  const config = parseConfig(JSON.parse(await readFile(join(folder, "config.json"), "utf8")));
  // Each of these objectives trains the head of the same name.
  const { used } = parameterList(config, Object.keys(heads.objectives ?? {}) as Head[]);
  return used.reduce((sum, { shape }) => sum + shape.reduce((size, length) => size * length, 1), 0);
}
