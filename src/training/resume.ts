/** Where a run begins: at its last checkpoint, or at its starting points. */
import { join } from "node:path";
import type { HubOptions } from "../checkpoint/index.js";
import type { Dataset } from "../data/index.js";
import { InputError } from "../errors.js";
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

export interface Beginning {
  readonly model: RunModel;
  readonly values: Arrays;
  /** Nothing at the first step. */
  readonly optimizer: ReadonlyMap<string, Moments> | undefined;
  /** Steps done. */
  readonly step: number;
  /** The checkpoint that the run goes on from. */
  readonly checkpoint: string | undefined;
  readonly interval: IntervalState;
  /** Of each step before this one, over all processes. */
  readonly microBatches: number | undefined;
}

/** What a checkpoint keeps for this program alone. */
export interface OwnState {
  readonly interval: IntervalState;
  readonly microBatches: number;
}

/**
 * A checkpoint whose bytes are damaged is passed over for the one before it.
 * @throws InputError when the run in the folder had other settings, or neither checkpoints nor starting points can be read
 */
export async function beginning(
  settings: TrainingSettings,
  datasets: readonly Dataset[],
  random: Random,
  hub: HubOptions,
  onWarning: (message: string) => void = () => undefined,
): Promise<Beginning> {
  const { checkpoints, warnings } = await findCheckpoints(settings.output);
  warnings.forEach(onWarning);
  for (const [i, { folder }] of [...checkpoints].reverse().entries()) {
    try {
      await checkSettings(settings, folder);
      const model = await savedModel(settings, folder);
      return resumed(model, await readRunCheckpoint(folder, model.parameters));
    } catch (error) {
      if (!(error instanceof InputError) || error instanceof OtherSettings || i + 1 === checkpoints.length) throw error;
      onWarning(`passed over ${folder}: ${error.message}`);
    }
  }
  const { model, values } = await newModel(settings, datasets, random, hub);
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

class OtherSettings extends InputError {}

/** Before anything is read that the settings tell how to read. */
async function checkSettings(settings: TrainingSettings, folder: string): Promise<void> {
  const { bridgetower } = await readTrainerState(join(folder, "trainer_state.json"));
  // Written by this program.
  const changed = differences(bridgetower.settings as TrainingSettings, settings);
  if (changed.length === 0) return;
  throw new OtherSettings({
    code: "resume-mismatch",
    where: folder,
    expected: "the settings that the run began with",
    found: `other values of ${changed.join(", ")}`,
    hint: `Set them back, or name another output folder and start from ${folder}`,
  });
}

function resumed(model: RunModel, { values, optimizer, step, folder, state }: RunCheckpoint): Beginning {
  // Written by this program, and its bytes checked.
  const { interval, microBatches } = state.bridgetower as unknown as OwnState;
  return { model, values, optimizer, step, checkpoint: folder, interval, microBatches };
}
