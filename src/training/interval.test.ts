import { expect, test } from "vitest";
import { Interval } from "./interval.js";

const report = (loss: number) => ({
  loss,
  objectives: { itm: { loss: loss / 3, score: 0.1 * loss }, mlm: { loss: (2 * loss) / 3, score: 0.7 } },
  gradientNorm: 1 / loss,
  learningRate: 1e-5 * loss,
});

test("means over the steps that counted", () => {
  const interval = new Interval();
  interval.add(report(1));
  interval.add(report(2));
  interval.skip();
  interval.broken(0);
  interval.broken(3);
  expect(interval.means()).toEqual({
    loss: 1.5,
    loss_mlm: (2 / 3 + 4 / 3) / 2,
    score_mlm: 0.7,
    loss_itm: (1 / 3 + 2 / 3) / 2,
    score_itm: (0.1 + 0.2) / 2,
    grad_norm: 0.75,
    learning_rate: (1e-5 + 2e-5) / 2,
  });
  expect(interval.counts()).toEqual({ skipped_steps: 1, broken_pictures: 3 });
});

test("without steps there is no mean", () => {
  const interval = new Interval();
  interval.skip();
  expect(interval.means()).toEqual({});
  expect(interval.counts()).toEqual({ skipped_steps: 1 });
});

test("saved and read back in the middle, it gives the same line to the last digit", () => {
  const losses = Array.from({ length: 20 }, (_, i) => Math.sin(i) ** 2 + 1 / 3);
  const whole = new Interval();
  for (const loss of losses) whole.add(report(loss));
  for (let stop = 0; stop <= losses.length; stop++) {
    const before = new Interval();
    for (const loss of losses.slice(0, stop)) before.add(report(loss));
    before.broken(2);
    const after = new Interval(JSON.parse(JSON.stringify(before.state())) as ReturnType<Interval["state"]>);
    for (const loss of losses.slice(stop)) after.add(report(loss));
    expect(after.means()).toEqual(whole.means());
    expect(Object.keys(after.means())).toEqual(Object.keys(whole.means()));
    expect(after.counts()).toEqual({ broken_pictures: 2 });
  }
});

test("pace is that of this process alone", () => {
  const interval = new Interval({ steps: 5, skipped: 0, brokenImages: 0, sums: { loss: 5 } });
  interval.time(500, 100);
  interval.time(1500, 100);
  expect(interval.pace(8)).toEqual({ pairs_per_second: 8, data_wait_share: 0.1 });
});
