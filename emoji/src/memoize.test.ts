import { expect, test } from "vitest";
import { memoizeLast, lazy } from "./memoize.js";

test("each field is computed once, when it is first read", () => {
  const made: string[] = [];
  const maker = (result: string | undefined) => () => {
    made.push(String(result));
    return result;
  };
  const fields = lazy({ one: maker("one"), other: maker("other"), missing: maker(undefined) });
  expect(made).toEqual([]);
  expect([fields.other, fields.other, fields.missing, fields.missing]).toEqual([
    "other",
    "other",
    undefined,
    undefined,
  ]);
  expect(made).toEqual(["other", "undefined"]);
  expect({ ...fields }).toEqual({ one: "one", other: "other", missing: undefined });
  expect(made).toEqual(["other", "undefined", "one"]);
});

test("only the result of the last number is cached", () => {
  const made: number[] = [];
  const square = memoizeLast((n) => {
    made.push(n);
    return n * n;
  });
  expect([3, 3, 4, 3].map(square)).toEqual([9, 9, 16, 9]);
  expect(made).toEqual([3, 4, 3]);
});
