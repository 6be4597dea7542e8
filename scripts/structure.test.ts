/** Limits of what grows unnoticed. A number here may be lowered; raise one only with a reason. */
import { expect, test } from "vitest";
import { filesThatKnow, structure } from "./structure.js";

test("the model can be read in one sitting", () => {
  const { forwardPassLines, modelLines } = structure();
  expect(forwardPassLines).toBeLessThanOrEqual(700);
  expect(modelLines).toBeLessThanOrEqual(1_000);
});

test("a task's head is known by name in few files", () => {
  expect(filesThatKnow("snli").length).toBeLessThanOrEqual(12);
  const { filesThatKnow: counts } = structure();
  expect(counts.vqa).toBeLessThanOrEqual(13);
  expect(counts.nlvr2).toBeLessThanOrEqual(14);
});
