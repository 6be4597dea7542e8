/** Eval mode against PyTorch: losses, and the scores that `learner-golden.test.ts` leaves out. */
import { afterEach, describe, expect, test } from "vitest";
import { readTrainingCase, trainingCases, type TrainingCase } from "../../fixtures/training-golden.js";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { headsOf, parameterList, parseConfig, type ObjectiveName } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import { Learner } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";

const learners: Learner[] = [];
afterEach(async () => {
  await Promise.all(learners.splice(0).map((learner) => learner.dispose()));
});

/** A learner of the case with the dropout that its config has by default. */
function learnerOf(golden: TrainingCase): Learner {
  const config = parseConfig(golden.config);
  const names = golden.objectives.map(({ name }) => name);
  const { used } = parameterList(config, [...new Set(names.flatMap((name) => headsOf(name)))]);
  const values: Arrays = new Map(used.map(({ name, shape }) => [name, Float32Array.from(tinyWeight(name, shape))]));
  const learner = new Learner(values, {
    threads: 1,
    config,
    objectives: Object.fromEntries(golden.objectives.map(({ name, weight }) => [name, weight])),
    optimizer: optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: 10 }),
  });
  learners.push(learner);
  return learner;
}

describe.each(trainingCases())("%s", (name) => {
  test("losses and scores as PyTorch, without the dropout of training", async () => {
    const golden = readTrainingCase(name);
    const reports = await learnerOf(golden).evaluate(golden.feeds);
    expect(Object.keys(reports).sort()).toEqual(Object.keys(golden.losses).sort());
    for (const [objective, loss] of Object.entries(golden.losses)) {
      const report = reports[objective as ObjectiveName]!;
      expect(report.loss, objective).toBeCloseTo(loss, 4);
      const { accuracy, score } = golden.metrics[objective as ObjectiveName] ?? {};
      const expected = accuracy ?? score;
      if (expected !== undefined) expect(report.score, objective).toBeCloseTo(expected, 5);
    }
  });
});
