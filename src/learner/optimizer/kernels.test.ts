import fc from "fast-check";
import { expect, test } from "vitest";
import { adamw, moveAverage, sumOfSquares } from "./kernels.js";
import { torchSteps } from "./torch-steps.test-support.js";

const torch = torchSteps();

/** Largest difference relative to 1 or to the expected value: PyTorch rounds each operation to float32. */
const deviation = (found: Float32Array, expected: readonly number[]) =>
  Math.max(...expected.map((value, i) => Math.abs(found[i]! - value) / Math.max(1, Math.abs(value))));

function* steps(form: "decoupled" | "original", { scale = 1 } = {}) {
  const values = Float32Array.from(torch.initial);
  const [m, v] = [new Float32Array(values.length), new Float32Array(values.length)];
  const { betas, eps, weight_decay: weightDecay } = torch.settings;
  for (const [i, learningRate] of torch.rates.entries()) {
    const gradients = Float32Array.from(torch.gradients[i]!, (g) => g / scale);
    const step = { adamw: form, betas, eps, t: i + 1, learningRate, weightDecay, gradientScale: scale };
    adamw({ values, gradients, m, v }, step);
    yield { values, m, v, expected: torch[form][i]! };
  }
}

test.each(["decoupled", "original"] as const)("%s: ten steps as PyTorch takes them", (form) => {
  for (const { values, expected } of steps(form)) expect(deviation(values, expected)).toBeLessThan(2e-7);
});

test("the two forms differ by far more than rounding", () => {
  expect(deviation(Float32Array.from(torch.decoupled[9]!), torch.original[9]!)).toBeGreaterThan(1e-5);
});

test("scaling as the gradients are read is scaling them before", () => {
  for (const { values, expected } of steps("decoupled", { scale: 1 / 8 })) {
    expect(deviation(values, expected)).toBeLessThan(2e-7);
  }
});

test("a first step of rate 0 keeps the values and starts the averages", () => {
  const [first] = steps("original");
  const { values, m, v } = first!;
  const g = torch.gradients[0]![5]!;
  expect([...values]).toEqual([...Float32Array.from(torch.initial)]);
  expect(m[5]).toBeCloseTo(0.1 * g, 6);
  expect(v[5]).toBeCloseTo(0.02 * g * g, 6);
});

test("a gradient that is always 0 leaves decay alone", () => {
  const [values, zeros] = [Float32Array.of(2), () => new Float32Array(1)];
  const step = { adamw: "decoupled", betas: [0.9, 0.98], eps: 1e-8, t: 1, gradientScale: 1 } as const;
  adamw({ values, gradients: zeros(), m: zeros(), v: zeros() }, { ...step, learningRate: 0.5, weightDecay: 0.5 });
  expect(values[0]).toBe(1.5);
});

test("the average moves by 1 - decay of the way to the values", () => {
  const average = Float32Array.of(1, -2, 0);
  moveAverage(average, Float32Array.of(2, 2, 8), 0.75);
  expect([...average]).toEqual([1.25, -1, 2]);
});

const values = fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 19 });

test("the sum of squares is that of the values, and finite as all of them are", () => {
  fc.assert(
    fc.property(values, (array) => {
      const expected = array.reduce((sum, x) => sum + x * x, 0);
      const found = sumOfSquares(array);
      expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-14 * expected);
    }),
  );
  fc.assert(
    fc.property(values, fc.nat(), fc.constantFrom(NaN, Infinity, -Infinity), (array, position, invalid) => {
      fc.pre(array.length > 0);
      array[position % array.length] = invalid;
      expect(Number.isFinite(sumOfSquares(array))).toBe(false);
    }),
  );
});
