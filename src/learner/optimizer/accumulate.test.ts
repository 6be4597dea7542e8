import { expect, test } from "vitest";
import { addInto } from "./index.js";

test("adds in place, takes over what the sum lacks, and leaves the rest", () => {
  const first = Float32Array.of(1, 2);
  const other = Float32Array.of(5);
  const sum = new Map([["a", first]]);
  addInto(sum, new Map([["b", other]]));
  addInto(sum, new Map([["a", Float32Array.of(0.5, -1)]]));
  expect(sum.get("a")).toBe(first);
  expect([...first]).toEqual([1.5, 1]);
  expect(sum.get("b")).toBe(other);
});

test("gradients of another size are refused", () => {
  const sum = new Map([["a", new Float32Array(2)]]);
  expect(() => addInto(sum, new Map([["a", new Float32Array(3)]]))).toThrow("a has 2 values in the sum and 3");
});
