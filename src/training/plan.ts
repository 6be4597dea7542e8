/** The steps and micro-batches of a run, and the intervals of validations and checkpoints. */
import { InputError } from "../errors.js";
import type { TrainingSettings } from "./run-settings.js";

export interface RunPlan {
  /** Optimizer steps of the whole run. */
  readonly maxSteps: number;
  readonly stepsPerEpoch: number;
  /** Micro-batches of a step, over all processes. */
  readonly microBatches: number;
  /** Numbers of the micro-batches of a step that this process computes. */
  readonly localMicroBatches: readonly number[];
  /** Steps from one validation to the next. */
  readonly validationEvery: number;
  readonly saveEvery: number;
}

type PlanSettings = Pick<
  TrainingSettings,
  "batch_size" | "per_gpu_batchsize" | "max_epoch" | "max_steps" | "val_check_interval" | "save_steps"
>;

/**
 * Micro-batches of a step: ⌊batch_size / (per_gpu_batchsize · processes)⌋ for each process, as the authors accumulate; each has its equal
 * part of the batch.
 * @param samples number of samples of an epoch
 * @throws InputError if a step has more samples than an epoch, or fewer samples than micro-batches
 */
export function runPlan(settings: PlanSettings, samples: number, processes: number, rank: number): RunPlan {
  const { batch_size, per_gpu_batchsize, max_epoch, max_steps, val_check_interval, save_steps } = settings;
  if (batch_size > samples) {
    throw new InputError({
      code: "invalid-setting",
      where: "batch_size",
      expected: `at most ${samples}, the samples of an epoch`,
      found: String(batch_size),
      hint: "Lower it, or name more data",
    });
  }
  const each = per_gpu_batchsize === 0 ? 1 : Math.max(1, Math.floor(batch_size / (per_gpu_batchsize * processes)));
  const microBatches = each * processes;
  if (microBatches > batch_size) {
    throw new InputError({
      code: "invalid-setting",
      where: "batch_size",
      expected: `at least ${microBatches}, one sample for each of ${processes} processes`,
      found: String(batch_size),
    });
  }
  const stepsPerEpoch = samples / batch_size;
  const every = (interval: number) =>
    interval > 1 ? Math.round(interval) : Math.max(1, Math.round(interval * stepsPerEpoch));
  const validationEvery = every(val_check_interval);
  return {
    maxSteps: max_steps === -1 ? Math.max(1, Math.floor((max_epoch * samples) / batch_size)) : max_steps,
    stepsPerEpoch,
    microBatches,
    localMicroBatches: Array.from({ length: each }, (_, i) => rank * each + i),
    validationEvery,
    saveEvery: save_steps ?? validationEvery,
  };
}
