import { expect, test } from "vitest";
import { latest, lazily } from "./kept.js";

test("fields are made when they are first read, once, and one by one", () => {
  const made: string[] = [];
  const maker = (result: string | undefined) => () => {
    made.push(String(result));
    return result;
  };
  const lazy = lazily({ one: maker("one"), other: maker("other"), missing: maker(undefined) });
  expect(made).toEqual([]);
  expect([lazy.other, lazy.other, lazy.missing, lazy.missing]).toEqual(["other", "other", undefined, undefined]);
  expect(made).toEqual(["other", "undefined"]);
  expect({ ...lazy }).toEqual({ one: "one", other: "other", missing: undefined });
  expect(made).toEqual(["other", "undefined", "one"]);
});

test("the number asked for last is not made again, any other is", () => {
  const made: number[] = [];
  const square = latest((n) => {
    made.push(n);
    return n * n;
  });
  expect([3, 3, 4, 3].map(square)).toEqual([9, 9, 16, 9]);
  expect(made).toEqual([3, 4, 3]);
});
