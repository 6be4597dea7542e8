import { expect, test } from "vitest";
import { InputError, nearestNames } from "./errors.js";

test("one line says where, what was expected, what was found and how to mend it", () => {
  const problem = { where: "--device", expected: "one of cpu, cuda", found: "gpu" };
  expect(new InputError(problem).message).toBe("--device: expected one of cpu, cuda, found gpu.");
  const mended = new InputError({ ...problem, mend: "Use cpu" });
  expect(mended.message).toBe("--device: expected one of cpu, cuda, found gpu. Use cpu.");
  expect(mended.name).toBe("InputError");
  expect(mended.problem.mend).toBe("Use cpu");
});

test("characters that break, hide or reorder a line are shown as escapes", () => {
  const found = "a\nb\u001b[31m\u007f\u009b\u2028\u202etxt";
  expect(new InputError({ where: "x", expected: "y", found }).message).toBe(
    "x: expected y, found a\\nb\\u001b[31m\\u007f\\u009b\\u2028\\u202etxt.",
  );
});

test("the cause is kept", () => {
  const cause = new Error("ENOENT");
  expect(new InputError({ where: "x", expected: "y", found: "z" }, { cause }).cause).toBe(cause);
});

test("nearest names come nearest first, and strangers not at all", () => {
  const names = ["gelu_new", "gelu", "relu", "tanh"];
  expect(nearestNames("gel", names)).toEqual(["gelu", "relu"]);
  expect(nearestNames("gelu", names, 1)).toEqual(["gelu"]);
  expect(nearestNames("gelu_nw", names)).toEqual(["gelu_new"]);
  expect(nearestNames("softmax", names)).toEqual([]);
});
