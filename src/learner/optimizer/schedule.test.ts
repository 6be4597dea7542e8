import fc from "fast-check";
import { expect, test } from "vitest";
import { learningRateFactor, optimizerSettings, warmupSteps } from "./index.js";

const base = { learning_rate: 2, warmup_steps: 4, max_steps: 12 };
const factors = (changes: object, steps: readonly number[]) =>
  steps.map((t) => learningRateFactor(t, optimizerSettings({ ...base, ...changes })));

test("a straight line up, a straight line down to 0", () => {
  expect(factors({}, [0, 1, 3, 4, 6, 8, 11, 12, 13])).toEqual([0, 0.25, 0.75, 1, 0.75, 0.5, 0.125, 0, 0]);
});

test("down to end_lr, by a power", () => {
  // (2 - 0.2) · (1 - 2/8)² + 0.2 = 1.2125, of 2.
  const found = factors({ decay_power: 2, end_lr: 0.2 }, [0, 4, 6, 8, 12, 99]);
  [0, 1, 0.60625, 0.325, 0.1, 0.1].forEach((expected, i) => expect(found[i]).toBeCloseTo(expected, 12));
});

test("down by half a cosine wave, and not up again", () => {
  const found = factors({ decay_power: "cosine" }, [2, 4, 6, 8, 10, 12, 14]);
  const quarter = Math.SQRT1_2 / 2;
  [0.5, 1, 0.5 + quarter, 0.5, 0.5 - quarter, 0, 0].forEach((expected, i) => {
    expect(found[i]).toBeCloseTo(expected, 12);
  });
  expect(factors({ decay_power: "cosine", end_lr: 1 }, [4, 8, 12])).toEqual([1, 0.75, 0.5]);
});

test("a warm-up as a fraction of the run is rounded down, and may be 0", () => {
  const warmup = (warmup_steps: number, max_steps: number) =>
    warmupSteps(optimizerSettings({ ...base, warmup_steps, max_steps }));
  expect([warmup(0.06, 1000), warmup(0.1, 99), warmup(0.5, 1), warmup(1, 10), warmup(0, 10)]).toEqual([60, 9, 0, 1, 0]);
  expect(factors({ warmup_steps: 0 }, [0, 6, 12])).toEqual([1, 0.5, 0]);
});

test("a warm-up as long as the run ends with end_lr", () => {
  expect(factors({ warmup_steps: 12, end_lr: 1 }, [6, 11, 12])).toEqual([0.5, 11 / 12, 0.5]);
});

test("never leaves 0 to 1, rises in the warm-up, falls after it", () => {
  const settings = fc
    .record({
      warmup_steps: fc.oneof(fc.nat(30), fc.double({ min: 0, max: 0.999, noNaN: true })),
      max_steps: fc.integer({ min: 30, max: 60 }),
      decay_power: fc.oneof(fc.constant("cosine" as const), fc.double({ min: 0.1, max: 4, noNaN: true })),
      end_lr: fc.double({ min: 0, max: 2, noNaN: true }),
    })
    .map((changes) => optimizerSettings({ ...base, ...changes }));
  fc.assert(
    fc.property(settings, fc.nat(70), (settings, t) => {
      const [now, next] = [learningRateFactor(t, settings), learningRateFactor(t + 1, settings)];
      expect(now).toBeGreaterThanOrEqual(0);
      expect(now).toBeLessThanOrEqual(1 + 1e-12);
      if (t + 1 < warmupSteps(settings)) expect(next).toBeGreaterThan(now);
      else if (t >= warmupSteps(settings)) expect(next).toBeLessThanOrEqual(now + 1e-12);
    }),
  );
});
