import { expect, test } from "vitest";
import { durationText, progressText } from "./index.js";

const step = {
  step: 120,
  max_steps: 700,
  epoch: 1.94,
  loss: 2.31,
  losses: { itm: 0.61, mlm: 1.7 },
  pairsPerSecond: 63.4,
  secondsLeft: 250,
};

test("a step in a line", () => {
  expect(progressText(step)).toBe(
    "step 120/700 · epoch 1.9 · loss 2.31 (itm 0.61 mlm 1.70) · 63 pairs/s · 4 min 10 s left",
  );
});

test("a single objective is not repeated; unknown times are omitted", () => {
  const first = { step: 1, epoch: 0.004, losses: { itc: 2.31 }, pairsPerSecond: 0.52, secondsLeft: undefined };
  expect(progressText({ ...step, ...first })).toBe("step 1/700 · epoch 0.00 · loss 2.31 · 0.5 pairs/s");
});

test("small losses have two digits, and non-finite losses are shown", () => {
  expect(progressText({ ...step, loss: 0.001234, losses: { itm: NaN, mlm: 0 } })).toContain(
    "loss 0.0012 (itm NaN mlm 0.00)",
  );
});

test("never more than 100 columns", () => {
  const losses = Object.fromEntries(
    ["mlm", "itm", "itc", "itm_itc", "vqa", "nlvr2", "snli", "irtr"].map((name) => [name, 1.5]),
  );
  const line = progressText({
    ...step,
    step: 123_456,
    max_steps: 1_000_000,
    losses,
    secondsLeft: 1e6,
  });
  expect(line).toBe("step 123456/1000000 · epoch 1.9 · loss 2.31 (mlm 1.50 itm 1.50 …) · 63 pairs/s · 11 d 13 h left");
  expect(line.length).toBeLessThanOrEqual(100);
});

test.each([
  [0.4, "0 s"],
  [59.4, "59 s"],
  [59.6, "1 min"],
  [250, "4 min 10 s"],
  [7500, "2 h 5 min"],
  [7200, "2 h"],
  [273_600, "3 d 4 h"],
])("%d seconds are %s", (seconds, expected) => {
  expect(durationText(seconds)).toBe(expected);
});
