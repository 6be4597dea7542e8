import { expect, test } from "vitest";
import { addInto, clipFactor, gradientNorm } from "./gradient-sums.js";
import { sumOfSquares } from "./kernels.js";
import { torchSteps } from "./torch-steps.test-support.js";

const torch = torchSteps();

test.each(torch.clipped)("a limit of $max_grad_norm clips as torch clip_grad_norm_", (expected) => {
  const gradients = torch.gradients.slice(0, 2);
  const norm = gradientNorm(
    gradients.map((gradient) => sumOfSquares(Float32Array.from(gradient))),
    ["a", "b"],
    0,
  );
  expect(norm / expected.norm).toBeCloseTo(1, 6);
  const factor = clipFactor(norm, expected.max_grad_norm);
  const clipped = gradients.flat().map((g) => g * factor);
  clipped.forEach((g, i) => {
    const value = expected.gradients.flat()[i]!;
    expect(Math.abs(g - value)).toBeLessThanOrEqual(2e-7 * Math.abs(value));
  });
});

test("no limit means no clipping, and a vanishing gradient is not scaled up", () => {
  expect(clipFactor(1e9, undefined)).toBe(1);
  expect(clipFactor(0, 1)).toBe(1);
});

test("names the first parameter with a gradient that is not finite", () => {
  const names = ["a.weight", "b.weight", "c.weight"];
  expect(() => gradientNorm([1, NaN, Infinity], names, 12)).toThrowErrorMatchingInlineSnapshot(
    `[InputError: gradient of b.weight at step 12: expected finite numbers, found NaN or infinity; no parameter was changed. Lower learning_rate, or warm up for longer.]`,
  );
});

test("adds in place, takes new entries, and keeps the others", async () => {
  const first = Float32Array.of(1, 2);
  const other = Float32Array.of(5);
  const sum = new Map([["a", first]]);
  await addInto(sum, new Map([["b", other]]));
  await addInto(sum, new Map([["a", Float32Array.of(0.5, -1)]]));
  expect(sum.get("a")).toBe(first);
  expect([...first]).toEqual([1.5, 1]);
  expect(sum.get("b")).toBe(other);
});

test("gradients of another size are refused", async () => {
  const sum = new Map([["a", new Float32Array(2)]]);
  await expect(addInto(sum, new Map([["a", new Float32Array(3)]]))).rejects.toThrow("a has 2 values in the sum and 3");
});
