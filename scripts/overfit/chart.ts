/** Losses and accuracies over the steps of a run. */
import { plots, text, type Axis } from "../../benchmarks/plot.js";
import type { Scores } from "./judge.js";

/** The state of the run after `step` steps. */
export interface Point {
  readonly step: number;
  readonly seconds: number;
  /** Means over the steps since the point before. */
  readonly losses: Readonly<Record<string, number>>;
  readonly scores: Scores;
}

const colours: Readonly<Record<string, string>> = { itm: "#2563eb", itc: "#16a34a", mlm: "#dc2626", vqa: "#9333ea" };

export function chart(points: readonly Point[], title: string): string {
  const last = points.at(-1)?.step ?? 1;
  const steps: Axis = {
    label: "steps",
    from: 0,
    to: last,
    ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => ({ at: part * last, label: String(Math.round(part * last)) })),
  };
  const tick = (at: number) => ({ at, label: String(at) });
  const curves = (value: (point: Point, name: string) => number | undefined) => (x: Place, y: Place) =>
    Object.entries(colours).flatMap(([name, colour], i) => {
      const places = points.flatMap((point) => {
        const found = value(point, name);
        return found === undefined ? [] : [`${x(point.step).toFixed(1)} ${y(found).toFixed(1)}`];
      });
      const right = x(last);
      return [
        ...(places.length === 0 ? [] : [`<path d="M${places.join("L")}" fill="none" stroke="${colour}"/>`]),
        `<g fill="${colour}">${text(right - 140 + 40 * i, 34, name)}</g>`,
      ];
    });
  return plots(
    {
      title,
      x: steps,
      y: { label: "loss", from: 1e-4, to: 10, scale: "log", ticks: [1e-4, 0.001, 0.01, 0.1, 1, 10].map(tick) },
      marks: curves(({ losses }, name) => losses[name]),
    },
    {
      title: "accuracy on the pairs themselves",
      x: steps,
      y: { label: "accuracy", from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1].map(tick) },
      marks: curves(({ scores }, name) => scores[name as keyof Scores]),
    },
  );
}

type Place = (value: number) => number;
