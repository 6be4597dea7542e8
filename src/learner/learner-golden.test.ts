/** Losses, scores and gradients of every objective against PyTorch; ten steps of optimizer and schedule: `learner.test.ts`. */
import { afterAll, describe, expect, test } from "vitest";
import { digestDifference, gradientDigest, readTrainingCase, trainingCases } from "../../fixtures/training-golden.js";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { elementCount, type Parameter } from "../graph/index.js";
import { headsOf, parameterList, parseConfig } from "../model/index.js";
import { Runtime, type Arrays } from "../runtime/index.js";
import { batchShape, countMaskedTokens, type Batch } from "./batch.js";
import { Random } from "../random/index.js";
import { CompiledStep, scalar } from "./compiled-step.js";
import { nameMatcher } from "./trained-parameters.js";
import { withoutDropout } from "./tiny-config.test-support.js";

const runtime = new Runtime();
afterAll(() => runtime.dispose());

/** PyTorch's own float32 misses float64 by up to 1.3e-5 of a gradient's norm, and if a gradient is zero by design, by rounding alone. */
const relative = 1e-4;
const ofAll = 1e-6;

const numbers = (shape: Parameter["shape"]) => shape;

describe.each(trainingCases())("%s", (name) => {
  const golden = readTrainingCase(name);
  const config = parseConfig(withoutDropout(golden.config));
  const weights = golden.objectives.map(({ name, weight }) => [name, weight] as const);
  const parameters = parameterList(config, [...new Set(weights.flatMap(([name]) => headsOf(name)))]).used;
  const batch: Batch = { ...golden.feeds, mlm_label_count: scalar(countMaskedTokens(golden.feeds)) };

  test.each(["nothing", "cheap", "blocks"] as const)("as PyTorch, recomputing %s", async (recompute) => {
    const isFrozen = nameMatcher(
      "frozen",
      golden.frozen,
      parameters.map(({ name }) => name),
    );
    const options = {
      config,
      trains: (name: string) => !isFrozen(name),
      recompute,
      runtime,
      threads: 1,
      profile: undefined,
    };
    const graph = await CompiledStep.compile(batchShape(batch, config, weights, false), "train", options);
    const values: Arrays = new Map(
      parameters.map(({ name, shape }) => [name, Float32Array.from(tinyWeight(name, numbers(shape)))]),
    );
    const gradients: Arrays = new Map(
      parameters.map(({ name, shape }) => [name, new Float32Array(elementCount(numbers(shape)))]),
    );
    const reports = await graph.run(batch, values, gradients, new Random(0));
    for (const [objective, loss] of Object.entries(golden.losses)) {
      expect(reports[objective as keyof typeof reports]!.loss).toBeCloseTo(loss, 4);
    }
    const allNorm = Math.hypot(...[...golden.gradients.values()].map(({ norm }) => norm));
    const misses = parameters.flatMap(({ name, shape }) => {
      const expected = golden.gradients.get(name) ?? { norm: 0, projections: [0, 0, 0, 0] };
      const ours = gradientDigest(name, numbers(shape), gradients.get(name)!);
      const miss = digestDifference(ours, expected) / (relative * expected.norm + ofAll * allNorm);
      return miss < 1 ? [] : [`${name}: ${miss}`];
    });
    expect(misses).toEqual([]);
    await graph.dispose();
  });
});
