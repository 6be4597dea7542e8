/** Contrast over several micro-batches against the same pairs in one, beyond the cases of `learner.test.ts`. */
import { afterEach, expect, test } from "vitest";
import { tinyInput, tinyWeight } from "../../fixtures/tiny-weights.js";
import { HostTensor } from "../graph/index.js";
import { headsOf, parameterList } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import type { Batch } from "./batch.js";
import { Learner, type StepReport } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";
import { tinyWithoutDropout } from "./tiny-config.test-support.js";

const learners: Learner[] = [];
afterEach(async () => {
  await Promise.all(learners.splice(0).map((learner) => learner.dispose()));
});

const config = tinyWithoutDropout({ contrastive_form: "dual" });
const tokens = 5;

const int64 = (shape: readonly number[], value: (flat: number) => number) =>
  new HostTensor(
    "int64",
    shape,
    BigInt64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => BigInt(value(i))),
  );

/** Pairs `from` to `to` of one batch of eight, the last three of one image. */
function pairs(from: number, to: number): Batch {
  const count = to - from;
  const pixels = tinyInput("pixel_values", [8, 3, 32, 32]);
  const noise = (name: string) =>
    new HostTensor("float32", [count, count], tinyInput(`${name} ${from}`, [count, count]));
  return {
    input_ids: int64([count, tokens], (i) => 3 + ((from * tokens + i) % 100)),
    attention_mask: int64([count, tokens], () => 1),
    pixel_values: new HostTensor("float32", [count, 3, 32, 32], pixels.slice(from * 3_072, to * 3_072)),
    itc_texts: int64([count], (i) => i),
    itc_images: int64([count], (i) => i),
    itm_itc_image_noise: noise("image noise"),
    itm_itc_text_noise: noise("text noise"),
  };
}

const withImageIds = (from: number, to: number): Batch => ({
  ...pairs(from, to),
  itc_image_ids: int64([to - from], (i) => Math.min(from + i, 5)),
});

interface Outcome {
  readonly report: StepReport;
  /** First moments: the gradients times 1 − β₁. */
  readonly moments: ReadonlyMap<string, Float32Array>;
}

type Contrast = "itc" | "itm_itc";

/** @param objectives with weights; a name alone has weight 1.5 */
async function oneStep(
  objectives: Contrast | Record<Contrast, number>,
  batchOf: (from: number, to: number) => Batch,
  cuts: readonly number[],
): Promise<Outcome> {
  const weights = typeof objectives === "string" ? { [objectives]: 1.5 } : objectives;
  const heads = (Object.keys(weights) as Contrast[]).flatMap((name) => headsOf(name));
  const { used } = parameterList(config, [...new Set(heads)]);
  const values: Arrays = new Map(used.map(({ name, shape }) => [name, Float32Array.from(tinyWeight(name, shape))]));
  // Without this weight matching has the loss ln 2 for all samples, and gives a gradient to its own head alone.
  values.get("itm_score.fc.weight")?.fill(0);
  values.get("itm_score.fc.bias")?.fill(0);
  const learner = new Learner(values, {
    threads: 1,
    config,
    objectives: weights,
    optimizer: optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: 10, adamw: "decoupled" }),
  });
  learners.push(learner);
  const report = await learner.step(
    0,
    cuts.slice(1).map((end, i) => batchOf(cuts[i]!, end)),
  );
  const optimizer = await learner.read((state) => state.optimizer);
  return { report, moments: new Map([...optimizer].map(([name, { m }]) => [name, m])) };
}

/** The parameters whose gradients differ; rounding alone is left to those that are zero by nature. */
function differing(parts: Outcome, whole: Outcome): string[] {
  const norm = Math.hypot(...[...whole.moments.values()].map((m) => Math.hypot(...m)));
  return [...whole.moments].flatMap(([name, m]) => {
    if (name.startsWith("itm_score.")) return [];
    const difference = Math.hypot(...parts.moments.get(name)!.map((value, i) => value - m[i]!));
    const miss = difference / (1e-4 * Math.hypot(...m) + 1e-6 * norm);
    return miss < 1 ? [] : [`${name}: ${miss}`];
  });
}

const whole = [0, 8] as const;
const quarters = [0, 2, 4, 6, 8] as const;

test.each(["itc", "itm_itc"] as const)("%s with soft targets: partners in other micro-batches count", async (name) => {
  const soft = await oneStep(name, withImageIds, whole);
  const parts = await oneStep(name, withImageIds, quarters);
  expect(parts.report.objectives[name]!.loss).toBeCloseTo(soft.report.objectives[name]!.loss, 5);
  expect(parts.report.loss).toBeCloseTo(soft.report.loss, 5);
  expect(differing(parts, soft)).toEqual([]);
  const hard = await oneStep(name, pairs, quarters);
  expect(hard.report.objectives[name]!.loss).not.toBeCloseTo(soft.report.objectives[name]!.loss, 2);
});

test("itm_itc contrasts over all micro-batches, and adds each one's matching", async () => {
  const one = await oneStep("itm_itc", pairs, whole);
  const parts = await oneStep("itm_itc", pairs, quarters);
  const contrast = await oneStep("itc", pairs, whole);
  const loss = contrast.report.objectives.itc!.loss + Math.LN2;
  expect(one.report.objectives.itm_itc!.loss).toBeCloseTo(loss, 5);
  expect(parts.report.objectives.itm_itc!.loss).toBeCloseTo(loss, 5);
  expect(differing(parts, one)).toEqual([]);
  const shared = new Map([...one.moments].filter(([name]) => contrast.moments.has(name)));
  expect(shared.has("temperature")).toBe(true);
  expect(differing(contrast, { ...one, moments: shared })).toEqual([]);
});

test.each(["itc", "itm_itc"] as const)("%s over micro-batches of different sizes", async (name) => {
  const one = await oneStep(name, withImageIds, whole);
  const parts = await oneStep(name, withImageIds, [0, 1, 6, 8]);
  expect(parts.report.loss).toBeCloseTo(one.report.loss, 5);
  expect(differing(parts, one)).toEqual([]);
});

test("itc and itm_itc side by side each count with their weights, also for the temperature", async () => {
  const both = { itc: 0.5, itm_itc: 2 };
  const one = await oneStep(both, pairs, whole);
  const parts = await oneStep(both, pairs, quarters);
  expect(parts.report.loss).toBeCloseTo(one.report.loss, 5);
  expect(differing(parts, one)).toEqual([]);
});
