import { expect, test } from "vitest";
import { argMax, binaryCrossEntropy, crossEntropy, Mean } from "./numbers.js";

test("cross-entropy is −ln softmax, also if the exponentials overflow", () => {
  const softmax = Math.exp(0.5) / (Math.exp(1) + Math.exp(0.5) + Math.exp(-2));
  expect(crossEntropy([1, 0.5, -2], 1)).toBeCloseTo(-Math.log(softmax), 12);
  expect(crossEntropy([5000, 4990], 1)).toBeCloseTo(10 + Math.log1p(Math.exp(-10)), 9);
});

test("binary cross-entropy sums over all outputs, soft targets included", () => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const byHand = -(0.3 * Math.log(sigmoid(2)) + 0.7 * Math.log(1 - sigmoid(2))) - Math.log(1 - sigmoid(-1));
  expect(binaryCrossEntropy([2, -1], new Map([[0, 0.3]]))).toBeCloseTo(byHand, 12);
  expect(binaryCrossEntropy([-1000, 1000], new Map())).toBeCloseTo(1000, 9);
});

test("the first of equal maxima wins", () => expect(argMax([1, 3, 3])).toBe(1));

test("a weighted mean, and none without values", () => {
  const mean = new Mean();
  expect(mean.as("loss")).toEqual({});
  mean.add(1, 3);
  mean.add(5);
  expect(mean.as("loss")).toEqual({ loss: 2 });
  expect(mean.count).toBe(4);
});
