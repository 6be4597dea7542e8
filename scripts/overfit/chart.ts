/** Losses and accuracies over the steps of a run. */
import { curves, linearRange, logRange } from "../../src/training/logs/index.js";
import type { Scores } from "./evaluate-overfit.js";

/** The state of the run after `step` steps. */
export interface Point {
  readonly step: number;
  readonly seconds: number;
  /** Means over the steps since the point before. */
  readonly losses: Readonly<Record<string, number>>;
  readonly scores: Scores;
}

const objectives = ["itm", "itc", "mlm", "vqa"];

export function chart(points: readonly Point[], title: string): string {
  const values = points.map(({ step, losses, scores }) => ({
    step,
    values: { ...prefixed("loss", losses), ...prefixed("score", { ...scores }) },
  }));
  const series = (kind: string) => objectives.map((label) => ({ name: `${kind}_${label}`, label }));
  return curves(values, [
    { title, label: "loss", series: series("loss"), range: logRange(1e-4, 10) },
    { title: "accuracy on the pairs themselves", label: "accuracy", series: series("score"), range: linearRange(0, 1) },
  ]);
}

const prefixed = (kind: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${kind}_${name}`, value]));
