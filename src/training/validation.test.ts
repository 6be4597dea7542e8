import { expect, test } from "vitest";
import { memoryData } from "../evaluation/memory-data.test-support.js";
import type { Head } from "../model/index.js";
import { trainingSettings } from "./run-settings.js";
import { tinySettings } from "./tiny-run.test-support.js";
import { checkValidation, theMetric } from "./validation.js";

test("the metric is the sum over the objectives, larger is better", () => {
  const results = { itm_accuracy: 0.6, mlm_accuracy: 0.3, itc_loss: 2, irtr_loss: 1.5, r_mean: 0.4, vqa_score: 0.7 };
  expect(theMetric(results, ["mlm", "itm"])).toBeCloseTo(0.9);
  expect(theMetric(results, ["irtr", "itm"])).toBeCloseTo(-0.9);
  expect(theMetric(results, ["itm_itc"])).toBe(0.4);
  expect(theMetric(results, ["itc"])).toBe(-2);
  expect(theMetric(results, ["vqa"])).toBe(0.7);
  // What was not measured counts nothing.
  expect(theMetric(results, ["snli", "nlvr2"])).toBe(0);
});

test("metrics follow from the objectives unless they are named, and are looked for in the rows that count", () => {
  const data = memoryData([
    { images: [], captions: ["a"] },
    { images: [], captions: ["a"], questions: [{ question: "?", answers: [] }] },
  ]);
  const check = (
    objectives: Parameters<typeof theMetric>[1],
    validation: object = {},
    heads: readonly Head[] = ["itm"],
  ) =>
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
  expect(() => check(["itm"], { metrics: ["facet"] })).toThrow(
    "expected captions and negatives, which facet evaluates, found no negatives.",
  );
});
