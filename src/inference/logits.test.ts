import { expect, test } from "vitest";
import { checkArgument, wholeNumber } from "../arguments.js";
import { topIndices, sigmoid, softmax } from "./logits.js";

test("the largest first, of equal ones the smaller place; order survives where probabilities meet", () => {
  expect(topIndices([1, 3, 2, 3])).toEqual([1, 3, 2, 0]);
  expect(topIndices([1, 3, 2, 3], 2)).toEqual([1, 3]);
  const sure = [40, 50, 45];
  expect(new Set(sure.map(sigmoid))).toEqual(new Set([1]));
  expect(topIndices(sure)).toEqual([1, 2, 0]);
});

test("logits of any size give probabilities", () => {
  expect(softmax([0, Math.log(3)])).toEqual([expect.closeTo(0.25, 15), expect.closeTo(0.75, 15)]);
  expect(softmax([-1e4, 1e4])).toEqual([0, 1]);
  expect([-1e4, 0, 1e4].map(sigmoid)).toEqual([0, 0.5, 1]);
});

test.each([0, -1, 1.5, NaN])("topK %d is refused", (topK) => {
  expect(() => checkArgument("topK", topK, wholeNumber(1))).toThrow(
    `topK: expected a whole number, 1 or more, found ${topK}.`,
  );
});
