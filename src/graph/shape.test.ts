import { expect, test } from "vitest";
import { broadcastShapes, normalizeAxis, productOf, sameShape } from "./shape.js";
import type { Dim } from "./tensor.js";

test.each<[readonly Dim[], readonly Dim[], readonly Dim[] | undefined]>([
  [[2, 3], [3], [2, 3]],
  [
    ["batch", 1, 4],
    ["text", 1],
    ["batch", "text", 4],
  ],
  [[], ["batch"], ["batch"]],
  [[1], ["batch"], ["batch"]],
  [["batch"], ["text"], undefined],
  [["batch"], [2], undefined],
  [[2, 3], [2], undefined],
])("[%s] with [%s] broadcasts to [%s]", (a, b, expected) => {
  expect(broadcastShapes(a, b)).toEqual(expected);
  expect(broadcastShapes(b, a)).toEqual(expected);
});

test.each<[readonly Dim[], Dim]>([
  [[], 1],
  [[2, 3], 6],
  [["text", 3, "batch", 4], "12·batch·text"],
  [["12·batch·text", 2], "24·batch·text"],
  [["2·text", "3·batch"], "6·batch·text"],
  [["batch", "batch"], "batch·batch"],
  [[1, "batch"], "batch"],
  [["batch", 0], 0],
])("the product of [%s] is %s", (dims, expected) => {
  expect(productOf(dims)).toBe(expected);
});

test("a product is the same in every order", () => {
  expect(productOf(["b", 2, "a·c"])).toBe(productOf(["c", productOf(["a", "b"]), 2]));
});

test("shapes are the same when ranks and all sizes are", () => {
  expect(sameShape(["batch", 2], ["batch", 2])).toBe(true);
  expect(sameShape(["batch", 2], ["text", 2])).toBe(false);
  expect(sameShape([2], [2, 1])).toBe(false);
});

test.each([
  [0, 3, 0],
  [-1, 3, 2],
  [-3, 3, 0],
  [3, 3, undefined],
  [-4, 3, undefined],
  [0.5, 3, undefined],
  [0, 0, undefined],
])("axis %s of rank %s is %s", (axis, rank, expected) => {
  expect(normalizeAxis(axis, rank)).toBe(expected);
});
