/** Steps on several ranks against those of one process with all their micro-batches. */
import { afterEach, describe, expect, test } from "vitest";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { ranksInMemory } from "../distributed/in-memory.test-support.js";
import { HostTensor } from "../graph/index.js";
import { headsOf, parameterList, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import type { Batch } from "./batch.js";
import { Learner, type LearnerSettings, type StepReport } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";
import { pairs, pairsOfImages } from "./pairs.test-support.js";
import { tiny } from "./tiny-config.test-support.js";

const learners: Learner[] = [];
afterEach(async () => {
  await Promise.all(learners.splice(0).map((learner) => learner.dispose()));
});

const optimizer = optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: 10, adamw: "decoupled" });

function learner(settings: Omit<LearnerSettings, "optimizer">): { trained: Learner; values: Arrays } {
  const { used } = parameterList(settings.config, headsFor(settings.objectives));
  const values = new Map(used.map(({ name, shape }) => [name, Float32Array.from(tinyWeight(name, shape))]));
  const trained = new Learner(values, { optimizer, seed: 3, threads: 1, ...settings });
  learners.push(trained);
  return { trained, values };
}

const headsFor = (objectives: object) => [
  ...new Set((Object.keys(objectives) as ObjectiveName[]).flatMap((name) => headsOf(name))),
];

interface Run {
  readonly reports: readonly StepReport[];
  readonly values: Arrays;
}

const steps = [0, 1, 2];

async function runAlone(settings: Settings, microBatches: readonly Batch[]): Promise<Run> {
  const { trained, values } = learner(settings);
  const reports = [];
  for (const t of steps) reports.push(await trained.step(t, microBatches));
  return { reports, values };
}

/** Each rank with as many of the micro-batches. */
function runTogether(settings: Settings, size: number, microBatches: readonly Batch[]): Promise<Run[]> {
  const count = microBatches.length / size;
  const runs = ranksInMemory(size).map(async (collective, rank) => {
    const { trained, values } = learner({ ...settings, collective });
    const reports = [];
    for (const t of steps) reports.push(await trained.step(t, microBatches.slice(rank * count, (rank + 1) * count)));
    return { reports, values };
  });
  return Promise.all(runs);
}

type Settings = Pick<LearnerSettings, "objectives" | "accumulation"> & { readonly config: BridgeTowerConfig };

const joint: Settings = { config: tiny({ contrastive_form: "joint" }), objectives: { mlm: 1, itm: 0.5, itc: 2 } };
const dual: Settings = { config: tiny({ contrastive_form: "dual" }), objectives: { mlm: 1, itm: 0.5, itm_itc: 1.5 } };
const matching: Settings = { config: tiny(), objectives: { itm: 1 } };
const averaged: Settings = { config: tiny(), objectives: { mlm: 1, itc: 1 }, accumulation: "averaged" };

const cut = (ends: readonly number[], batchOf = pairs): Batch[] =>
  ends.map((end, i) => batchOf(i === 0 ? 0 : ends[i - 1]!, end));

test.each([
  ["two ranks of one micro-batch, joint contrast", joint, 2, [3, 8]],
  ["two ranks of two, joint contrast", joint, 2, [1, 4, 6, 8]],
  ["two ranks of two, hard negatives", dual, 2, [1, 4, 6, 8]],
  ["three ranks, matching alone", matching, 3, [2, 5, 8]],
  ["two ranks, averaged", averaged, 2, [2, 8]],
] as const)("%s: as one process, dropout and all", async (_, settings, size, ends) => {
  const one = await runAlone(settings, cut(ends));
  const ranks = await runTogether(settings, size, cut(ends));
  for (const { reports, values } of ranks) {
    expect(reports).toEqual(ranks[0]!.reports);
    for (const [name, array] of values) expect(same(array, ranks[0]!.values.get(name)!), name).toBe(true);
  }
  for (const [t, report] of ranks[0]!.reports.entries()) {
    const expected = one.reports[t]!;
    expect(Math.abs(report.loss / expected.loss - 1), `loss of step ${t}`).toBeLessThan(1e-6);
    expect(Math.abs(report.gradientNorm / expected.gradientNorm - 1), `norm of step ${t}`).toBeLessThan(1e-5);
    for (const [name, { loss, score }] of Object.entries(expected.objectives)) {
      expect(report.objectives[name as ObjectiveName]!.loss, `${name} of step ${t}`).toBeCloseTo(loss, 5);
      expect(report.objectives[name as ObjectiveName]!.score).toBeCloseTo(score, 6);
    }
  }
  expect(moved(one.values, ranks[0]!.values)).toEqual([]);
});

test("pairs of one image are partners across ranks", async () => {
  const config = tiny({ contrastive_form: "dual" });
  const settings = { config, objectives: { itc: 1 } };
  const one = await runAlone(settings, cut([5, 8], pairsOfImages));
  const [first] = await runTogether(settings, 2, cut([5, 8], pairsOfImages));
  const [hard] = await runTogether(settings, 2, cut([5, 8]));
  expect(Math.abs(first!.reports[0]!.loss / one.reports[0]!.loss - 1)).toBeLessThan(1e-6);
  expect(Math.abs(hard!.reports[0]!.loss / one.reports[0]!.loss - 1)).toBeGreaterThan(0.01);
});

test("fewer masked tokens than micro-batches still count as in one batch", async () => {
  const settings = { config: tiny(), objectives: { mlm: 1 } };
  const unmasked = (from: number, to: number): Batch => {
    const batch = pairs(from, to);
    const labels = batch.mlm_labels as HostTensor<"int64">;
    return from === 0
      ? batch
      : {
          ...batch,
          mlm_labels: new HostTensor(
            "int64",
            labels.shape,
            labels.data.map(() => -100n),
          ),
        };
  };
  const single = await runAlone(settings, [pairs(0, 1)]);
  const reports = await runTogether(settings, 2, [...cut([1, 2], unmasked)]);
  // Dropout depends on the micro-batch, and the first one is the same.
  expect(reports[0]!.reports[0]!.loss).toBeCloseTo(single.reports[0]!.loss, 5);
});

const same = (a: Float32Array, b: Float32Array) =>
  Buffer.compare(new Uint8Array(a.buffer), new Uint8Array(b.buffer)) === 0;

/**
 * Parameters that three steps of Adam moved differently. If the gradient is zero by design (softmax cancels a bias of keys), its rounding
 * errors become steps.
 */
function moved(expected: Arrays, found: Arrays): string[] {
  return [...expected].flatMap(([name, values]) => {
    if (/key\.bias$|in_proj_bias$/.test(name)) return [];
    const start = tinyWeight(name, [values.length]);
    const change = Math.hypot(...values.map((value, i) => value - start[i]!));
    const difference = Math.hypot(...found.get(name)!.map((value, i) => value - values[i]!));
    return difference <= 2e-3 * change + 1e-7 ? [] : [`${name}: ${difference} of ${change}`];
  });
}

describe("differences between ranks are an error on every rank", () => {
  const config = tiny({ contrastive_form: "dual" });
  const settings = { config, objectives: { itm: 1, itc: 1 } };

  /** The messages of a step of two ranks, which are the same. */
  async function message(
    act: (trained: Learner, rank: number, values: Arrays) => Promise<unknown>,
    settingsOf: (rank: number) => Partial<LearnerSettings> = () => ({}),
  ): Promise<string> {
    const messages = await Promise.all(
      ranksInMemory(2).map((collective, rank) => {
        const { trained, values } = learner({ ...settings, collective, ...settingsOf(rank) });
        return act(trained, rank, values).then(
          () => "nothing",
          (error: unknown) => String(error),
        );
      }),
    );
    expect(messages[1]).toBe(messages[0]);
    return messages[0]!;
  }

  test("another number of micro-batches, step, setting or start", async () => {
    const batches = cut([2, 4]);
    expect([
      await message((trained, rank) => trained.step(0, batches.slice(rank))),
      await message((trained, rank) => trained.step(rank, batches)),
      await message(
        (trained) => trained.step(0, batches),
        (rank) => ({ optimizer: { ...optimizer, learning_rate: 1e-3 + rank } }),
      ),
      await message(
        (trained) => trained.step(0, batches),
        (rank) => ({ objectives: { itm: 1, itc: 1 + rank } }),
      ),
      await message((trained, rank) => trained.step(0, cut([2, 4], rank === 0 ? pairs : pairsOfImages))),
    ]).toMatchInlineSnapshot(`
      [
        "InputError: micro-batches of rank 1: expected 2, as on rank 0, found 1. Start all ranks with the same files and settings.",
        "InputError: step of rank 1: expected 0, as on rank 0, found 1. Start all ranks with the same files and settings.",
        "InputError: optimizer.learning_rate of rank 1: expected 0.001, as on rank 0, found 1.001. Start all ranks with the same files and settings.",
        "InputError: objectives.itc of rank 1: expected 1, as on rank 0, found 2. Start all ranks with the same files and settings.",
        "InputError: itc_image_ids of the batch: expected ids in all micro-batches of a step, or in none, found ids in 2 of 4.",
      ]
    `);
    const start = await message((trained, rank, values) => {
      values.get("itm_score.fc.bias")![0]! += rank;
      return trained.step(0, batches);
    });
    expect(start).toMatch(
      /^InputError: values of rank 1: expected [0-9a-f]{64}, as on rank 0, found [0-9a-f]{64}\. Start all/,
    );
  });

  test("a gradient that is not finite on one of them, after which values are as before", async () => {
    const broken = (rank: number): Batch => {
      const batch = pairs(4 * rank, 4 * rank + 4);
      const pixels = batch.pixel_values!.toArray();
      return rank === 0
        ? batch
        : {
            ...batch,
            pixel_values: new HostTensor(
              "float32",
              batch.pixel_values!.shape,
              Float32Array.from(pixels, () => NaN),
            ),
          };
    };
    const error = await message(async (trained, rank, values) => {
      const before = values.get("itm_score.fc.weight")!.slice();
      await trained.step(0, [broken(rank)]).finally(() => expect(values.get("itm_score.fc.weight")).toEqual(before));
    });
    expect(error).toMatch(/^InputError: gradient of .* at step 0: expected finite numbers, found NaN or infinity/);
  });
});
