/** Resumes a run from its last checkpoint, or starts it from its starting points. */
import { join } from "node:path";
import type { HubOptions } from "../checkpoint/index.js";
import { type Dataset } from "../data/index.js";
import { datasetFacts } from "../data/internal.js";
import { InputError } from "../errors.js";
import { isSystemFailure } from "../files/index.js";
import type { Random } from "../random/index.js";
import type { Arrays } from "../runtime/index.js";
import {
  findCheckpoints,
  readRunCheckpoint,
  readTrainerState,
  type Moments,
  type RunCheckpoint,
} from "./checkpoints/index.js";
import { newModel, savedModel, type RunModel } from "./prepare-model.js";
import { emptyInterval, type IntervalState } from "./interval.js";
import { differences, type TrainingSettings } from "./run-settings.js";

export interface RunStart {
  readonly model: RunModel;
  readonly values: Arrays;
  /** Undefined at the first step. */
  readonly optimizer: ReadonlyMap<string, Moments> | undefined;
  /** Steps done. */
  readonly step: number;
  /** The checkpoint that the run resumes from. */
  readonly checkpoint: string | undefined;
  readonly interval: IntervalState;
  /** Micro-batches of each earlier step, over all processes. */
  readonly microBatches: number | undefined;
}

/** State that this program alone reads from a checkpoint. */
export interface ResumeState {
  readonly interval: IntervalState;
  readonly microBatches: number;
  /** Rows, texts and a hash of the texts of each training set. */
  readonly data: DataFacts;
}

/** Facts of each training set, in order. */
export type DataFacts = readonly Readonly<Record<string, string | number>>[];

export const dataFacts = (datasets: readonly Dataset[]): DataFacts =>
  datasets.map((data, i) => datasetFacts(data, `data.train, number ${i + 1},`));

/**
 * Resumes from the last checkpoint that is not damaged.
 * @throws InputError if the run in the folder had other settings or data, or neither checkpoints nor starting points can be read
 */
export async function resumeOrStart(
  settings: TrainingSettings,
  datasets: readonly Dataset[],
  random: Random,
  hub: HubOptions,
  onWarning: (message: string) => void = () => undefined,
): Promise<RunStart> {
  const { checkpoints, warnings } = await findCheckpoints(settings.output);
  warnings.forEach(onWarning);
  for (const [i, { folder }] of [...checkpoints].reverse().entries()) {
    try {
      await checkSameRun(settings, datasets, folder);
      const model = await savedModel(settings, folder);
      return resumed(model, await readRunCheckpoint(folder, model.parameters));
    } catch (error) {
      const isDamage = error instanceof InputError && !(error instanceof SettingsMismatch) && !isSystemFailure(error);
      if (!isDamage || i + 1 === checkpoints.length) throw error;
      onWarning(`skipped ${folder}: ${error.message}`);
    }
  }
  const { model, values } = await newModel(settings, datasets, random, { ...hub, onWarning });
  return {
    model,
    values,
    optimizer: undefined,
    step: 0,
    checkpoint: undefined,
    interval: emptyInterval,
    microBatches: undefined,
  };
}

class SettingsMismatch extends InputError {}

/** Must be called before files are read by these settings. */
async function checkSameRun(settings: TrainingSettings, datasets: readonly Dataset[], folder: string): Promise<void> {
  const { bridgetower } = await readTrainerState(join(folder, "trainer_state.json"));
  // Written by this program.
  const changed = differences(bridgetower.settings as TrainingSettings, settings);
  if (changed.length > 0) throw mismatch(folder, "settings", `other values of ${changed.join(", ")}`);
  const before = (bridgetower as unknown as ResumeState).data;
  const now = dataFacts(datasets);
  for (const [i, facts] of now.entries()) {
    const old = Object.values(before[i] ?? {});
    const index = Object.values(facts).findIndex((value, k) => value !== old[k]);
    if (index === -1) continue;
    const [name, value] = Object.entries(facts)[index]!;
    throw mismatch(folder, "data", `${value} ${name} instead of ${old[index]}`);
  }
}

function mismatch(folder: string, what: "settings" | "data", found: string): SettingsMismatch {
  return new SettingsMismatch({
    code: "resume-mismatch",
    where: folder,
    expected: `the ${what} that the run started with`,
    found,
    hint: `Restore ${what === "data" ? "it" : "them"}, or choose another output folder and start from ${folder}`,
  });
}

function resumed(model: RunModel, { values, optimizer, step, folder, state }: RunCheckpoint): RunStart {
  // Written by this program and checked.
  const { interval, microBatches } = state.bridgetower as unknown as ResumeState;
  return { model, values, optimizer, step, checkpoint: folder, interval, microBatches };
}
