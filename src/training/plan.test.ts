import { expect, test } from "vitest";
import { runPlan } from "./plan.js";

const settings = {
  batch_size: 16,
  per_gpu_batchsize: 0,
  max_epoch: 3,
  max_steps: -1,
  val_check_interval: 1,
  save_steps: undefined,
};

test("steps continue across epochs, so that all have the same size", () => {
  expect(runPlan(settings, 40, 1, 0)).toEqual({
    maxSteps: 7,
    stepsPerEpoch: 2.5,
    microBatches: 1,
    localMicroBatches: [0],
    validationEvery: 3,
    saveEvery: 3,
  });
  expect(runPlan({ ...settings, max_epoch: 0.1 }, 40, 1, 0).maxSteps).toBe(1);
  expect(runPlan({ ...settings, max_steps: 5 }, 40, 1, 0).maxSteps).toBe(5);
});

test("epochs of many samples are counted to the step", () => {
  for (const samples of [3, 7, 49, 1_000_003]) {
    expect(runPlan({ ...settings, batch_size: 1, max_epoch: 10 }, samples, 1, 0).maxSteps).toBe(10 * samples);
    const { maxSteps } = runPlan({ ...settings, batch_size: 3, max_epoch: 3 }, samples, 1, 0);
    expect(maxSteps).toBe(samples);
  }
});

test("micro-batches are shared out among processes, and together are all of them", () => {
  const plans = [0, 1].map((rank) => runPlan({ ...settings, per_gpu_batchsize: 3 }, 40, 2, rank));
  expect(plans.map(({ localMicroBatches }) => localMicroBatches)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(plans.map(({ microBatches }) => microBatches)).toEqual([4, 4]);
  // Larger ones than asked for, but never none.
  expect(runPlan({ ...settings, per_gpu_batchsize: 100 }, 40, 2, 1)).toMatchObject({
    localMicroBatches: [1],
    microBatches: 2,
  });
});

test.each([
  [1, 10],
  [0.25, 3],
  [0.001, 1],
  [1.4, 1],
  [4, 4],
])("val_check_interval %d of an epoch of 10 steps is every %d", (val_check_interval, every) => {
  expect(runPlan({ ...settings, val_check_interval }, 160, 1, 0)).toMatchObject({
    validationEvery: every,
    saveEvery: every,
  });
  expect(runPlan({ ...settings, val_check_interval, save_steps: 2 }, 160, 1, 0)).toMatchObject({
    validationEvery: every,
    saveEvery: 2,
  });
});

test("a batch of more than an epoch, and of less than a sample for each process", () => {
  expect(() => runPlan(settings, 15, 1, 0)).toThrow(
    "batch_size: expected at most 15, the samples of an epoch, found 16. Lower it, or name more data.",
  );
  expect(() => runPlan(settings, 40, 17, 0)).toThrow(
    "batch_size: expected at least 17, one sample for each of 17 processes, found 16.",
  );
});
