/**
 * BridgeTower against METER at equal data, steps and size. As in the papers both begin with the same trained towers, here those of the
 * packaged model's first runs of contrast alone, which reads no cross-modal layer and so favours neither. Then each learns all heads, with the same
 * first values wherever both have a parameter. A seed decides first values, scenes and everything that is drawn.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parameterList, parseConfig, type Head } from "bridgetower/learner";
import { train, type TrainingInput, type TrainOptions } from "bridgetower/training";
import type { ScenesOptions } from "../src/index.js";
import { evaluateScenes, ingredients, type Selection, type SplitScenes, type Watched } from "./evaluate-scenes.js";
import type { KeptResults, Results } from "./kept-results.js";

export const models = ["bridgetower", "meter"] as const;
export type ModelType = (typeof models)[number];

/** A settings file of this workspace: its data sets are scenes. */
export interface Recipe extends TrainingInput {
  readonly data: { readonly train: Scenes; readonly validation?: Scenes };
}

interface Scenes {
  readonly module: string;
  readonly options: ScenesOptions;
}

export interface AblationPlan {
  /** The runs that make the towers, one after another. */
  readonly towers: readonly Recipe[];
  /** What both models are given from every seed; scenes and folders follow from it. */
  readonly heads: Recipe;
  readonly seeds: readonly number[];
  /** What the recipes' paths of modules start from. */
  readonly modulesFrom: string;
  /** Folder of all runs. */
  readonly output: string;
  /** By the names that results are kept under. */
  readonly splits: Readonly<Record<string, SplitScenes>>;
  readonly selection: Selection;
}

/** One model of one seed, evaluated. */
export interface Run {
  readonly model: ModelType;
  readonly seed: number;
  /** Values of the model with all its heads. */
  readonly parameters: number;
  /** By split. */
  readonly results: Readonly<Record<string, Results>>;
}

export interface AblationOptions extends Watched {
  /** Called after every step. @param run the name of its folder */
  readonly onStep?: (run: string, progress: Parameters<NonNullable<TrainOptions["onStep"]>>[0]) => void;
  readonly onWarning?: (message: string) => void;
  readonly onRun?: (run: Run) => void;
  /** Called when both models of a seed are evaluated. */
  readonly onSeed?: (runs: readonly Run[]) => Promise<void>;
}

/** @throws Error the reason of the signal, when it was aborted: the next call goes on */
export async function runAblation(
  plan: AblationPlan,
  kept: KeptResults,
  options: AblationOptions = {},
): Promise<readonly Run[]> {
  const { towers, heads, seeds, selection } = plan;
  await kept.describe({ towers, heads, seeds, ...selection });
  for (const settings of towers) await trained(settings, plan, options);
  const runs: Run[] = [];
  for (const seed of seeds) {
    const { module, options: scenes } = heads.data.train;
    // Far from the seeds of the towers' scenes and of the tests.
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

/** A run that is over is found to be so, in a second or two. */
async function trained(
  recipe: Recipe,
  { modulesFrom }: AblationPlan,
  { signal, onStep, onWarning }: AblationOptions,
): Promise<void> {
  const run = basename(recipe.output);
  const { interrupted } = await train(recipe, {
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
  kept: KeptResults,
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
  // Each of these objectives trains the head of its name.
  const { used } = parameterList(config, Object.keys(heads.objectives ?? {}) as Head[]);
  return used.reduce((sum, { shape }) => sum + shape.reduce((size, length) => size * length, 1), 0);
}
