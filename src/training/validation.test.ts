import { expect, test } from "vitest";
import { memoryData } from "../evaluation/memory-data.test-support.js";
import type { Head, ObjectiveName } from "../model/index.js";
import { trainingSettings } from "./run-settings.js";
import { tinySettings } from "./tiny-run.test-support.js";
import { bestResults, checkValidation, theMetric } from "./validation.js";

test("checkpoints are compared by the sum over the objectives, larger is better", () => {
  const results = { itm_accuracy: 0.6, mlm_accuracy: 0.3, itc_loss: 2, irtr_loss: 1.5, r_mean: 0.4, vqa_score: 0.7 };
  const metric = (objectives: readonly ObjectiveName[], validation: object = {}) =>
    theMetric(results, bestResults(trainingSettings(tinySettings("", { validation })), objectives));
  expect(metric(["mlm", "itm"])).toBeCloseTo(0.9);
  expect(metric(["irtr", "itm"])).toBeCloseTo(-0.9);
  expect(metric(["itm_itc"])).toBe(0.4);
  expect(metric(["itc"])).toBe(-2);
  expect(metric(["vqa"])).toBe(0.7);
  // Only what is measured is compared.
  expect(metric(["itc"], { metrics: ["retrieval"] })).toBe(0.4);
  expect(metric(["itc", "itm"], { metrics: ["itm", "retrieval"] })).toBe(0.6);
  expect(metric(["itc"], { metrics: ["retrieval", "itc"], best_metric: "r_mean" })).toBe(0.4);
  expect(metric(["mlm"], { best_metric: "itc_loss" })).toBe(-2);
  // No row counted for it: the validation is not compared.
  expect(metric(["snli"])).toBeNaN();
});

test("metrics follow from the objectives unless they are named, and are looked for in the rows that count", () => {
  const data = memoryData([
    { images: [], captions: ["a"] },
    { images: [], captions: ["a"], questions: [{ question: "?", answers: [] }] },
  ]);
  const check = (objectives: readonly ObjectiveName[], validation: object = {}, heads: readonly Head[] = ["itm"]) =>
    checkValidation({
      settings: trainingSettings(tinySettings("", { validation })),
      objectives,
      datasets: [data],
      heads,
    });
  check(["mlm", "itm_itc", "vqa"]);
  expect(() => check(["nlvr2"])).toThrow(
    "data.validation: pairs: expected statements, which nlvr2 evaluates, found no statements.",
  );
  expect(() => check(["vqa"], { limit: 1 })).toThrow("expected questions, which vqa evaluates, found no questions.");
  check(["nlvr2"], { metrics: ["itm"] });
  check(["itm_itc"], { k_test: 4 });
  check(["itc"], { k_test: 4 }, ["itc"]);
  expect(() => check(["itc"], { k_test: 4, metrics: ["retrieval"] }, ["itc"])).toThrow(
    "validation.k_test: expected a model with the head for ITM, which re-ranks, found the heads itc.",
  );
  check(["itm"], { best_metric: "itm_loss" });
  expect(() => check(["itm"], { best_metric: "itm_acuracy" })).toThrow(
    "validation.best_metric: expected one of the measured results: itm_accuracy, itm_loss, found itm_acuracy. The nearest is itm_accuracy.",
  );
  expect(() => check(["itm"], { best_metric: "r_mean" })).toThrow("Add its metric to validation.metrics");
  expect(() => check(["itm"], { metrics: ["facet"] })).toThrow(
    "expected captions and negatives, which facet evaluates, found no negatives.",
  );
});
