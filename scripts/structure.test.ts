/** Limits on the size of the code. Lower a number freely; raise one only with a reason. */
import { expect, test } from "vitest";
import { heads, type Head } from "../src/model/index.js";
import { filesThatKnow, structure } from "./structure.js";

test("the model can be read in one sitting", () => {
  const { forwardPassLines, modelLines } = structure();
  expect(forwardPassLines).toBeLessThanOrEqual(700);
  expect(modelLines).toBeLessThanOrEqual(1_000);
});

test("a task's head is known by name in few files", () => {
  // Twelve for a new head.
  const limits: Partial<Record<Head, number>> = { mlm: 10, vqa: 10, snli: 7, nlvr2: 9, rank: 6 };
  const { filesThatKnow: counts } = structure();
  const above = heads.filter((head) => counts[head] > (limits[head] ?? 12));
  expect(above.map((head) => `${head}: ${filesThatKnow(head).join(", ")}`)).toEqual([]);
});
