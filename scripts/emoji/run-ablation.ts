/**
 * BridgeTower against METER at equal data, steps and size. As in the papers both begin with the same trained towers, here those of the
 * packaged model's first runs of contrast alone, which reads no cross-modal layer and so favours neither. Then each learns all heads, with the same
 * first values wherever both have a parameter. A seed decides first values, scenes and everything that is drawn.
 */
import { writeJson } from "../../src/files/index.js";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

import { elementCount } from "../../src/graph/index.js";
import { headsOf, parameterList, parseConfig, type ObjectiveName } from "../../src/model/index.js";
import { train, type TrainingInput, type TrainOptions } from "../../src/training/index.js";
import { ingredients, judgeScenes, type Documents, type Judgement, type Watched } from "./judge-scenes.js";
import type { KeptResults, Results } from "./kept-results.js";

export const models = ["bridgetower", "meter"] as const;
export type ModelType = (typeof models)[number];

export interface AblationPlan {
  /** The runs that make the towers, one after another. */
  readonly towers: readonly TrainingInput[];
  /** What both models are given from every seed; scenes and folders follow from it. */
  readonly heads: TrainingInput & { readonly data: { readonly train: string } };
  readonly seeds: readonly number[];
  /** Folder of all runs. */
  readonly output: string;
  /** By the names that results are kept under. */
  readonly splits: Readonly<Record<string, Documents>>;
  readonly judgement: Judgement;
}

/** One model of one seed, judged. */
export interface Run {
  readonly model: ModelType;
  readonly seed: number;
  /** Values of the model with all its heads. */
  readonly parameters: number;
  /** By split. */
  readonly results: Readonly<Record<string, Results>>;
}

export interface AblationOptions extends Watched {
  /** Told of every step. @param run the name of its folder */
  readonly onStep?: (run: string, progress: Parameters<NonNullable<TrainOptions["onStep"]>>[0]) => void;
  readonly onWarning?: (message: string) => void;
  readonly onRun?: (run: Run) => void;
  /** Told when both models of a seed are judged. */
  readonly onSeed?: (runs: readonly Run[]) => Promise<void>;
}

/** @throws Error the reason of the signal, when it was aborted: the next call goes on */
export async function runAblation(
  plan: AblationPlan,
  kept: KeptResults,
  options: AblationOptions = {},
): Promise<readonly Run[]> {
  const { towers, heads, seeds, judgement } = plan;
  await kept.describe({ towers, heads, seeds, ...judgement });
  for (const settings of towers) await trained(settings, options);
  const runs: Run[] = [];
  for (const seed of seeds) {
    const data = { train: await seededScenes(plan, seed) };
    for (const model of models) {
      const output = join(plan.output, `${model}-${seed}`);
      const config = { ...heads.config, model_type: model };
      await trained({ ...heads, data, seed, output, config }, options);
      const parameters = await parametersOf(output, plan);
      const results = await judged(output, `${model}-${seed}`, plan, kept, options);
      const run: Run = { model, seed, parameters, results };
      runs.push(run);
      options.onRun?.(run);
    }
    await options.onSeed?.(runs);
  }
  return runs;
}

/** A run that is over is found to be so, in a second or two. */
async function trained(settings: TrainingInput, { signal, onStep, onWarning }: AblationOptions): Promise<void> {
  const run = relative(dirname(settings.output), settings.output);
  const { interrupted } = await train(settings, {
    ...(signal === undefined ? {} : { signal }),
    onStep: (progress) => onStep?.(run, progress),
    onWarning: (message) => onWarning?.(`${run}: ${message}`),
  });
  if (interrupted) throw signal?.reason ?? new Error(`${run} was interrupted`);
}

/** Writes the document of a seed's scenes. */
async function seededScenes({ heads, output }: AblationPlan, seed: number): Promise<string> {
  const from = heads.data.train;
  const document = JSON.parse(await readFile(from, "utf8")) as { readonly seed: number; readonly sprites: string };
  const to = join(output, `seed-${seed}.scenes.json`);
  await mkdir(dirname(to), { recursive: true });
  const sprites = relative(resolve(dirname(to)), resolve(dirname(from), document.sprites));
  // Far from the seeds of the towers' scenes and of the tests.
  await writeJson(to, { ...document, sprites, seed: 1000 * document.seed + seed });
  return to;
}

async function judged(
  folder: string,
  run: string,
  { splits, judgement }: AblationPlan,
  kept: KeptResults,
  { signal, onProgress }: Watched,
): Promise<Run["results"]> {
  const results: Record<string, Results> = {};
  for (const [split, documents] of Object.entries(splits)) {
    const watched: Watched = {
      signal,
      onProgress: (part, ...counts) => onProgress?.(`${run}, ${split} ${part}`, ...counts),
    };
    const made = await ingredients(folder, documents, judgement);
    results[split] = await kept.of(`${run}/${split}`, made, () => judgeScenes(folder, documents, judgement, watched));
  }
  return results;
}

async function parametersOf(folder: string, { heads }: AblationPlan): Promise<number> {
  const config = parseConfig(JSON.parse(await readFile(join(folder, "config.json"), "utf8")));
  const objectives = Object.keys(heads.objectives ?? {}) as ObjectiveName[];
  const { used } = parameterList(config, [...new Set(objectives.flatMap((name) => headsOf(name)))]);
  return used.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
