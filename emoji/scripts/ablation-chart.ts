/** Plots the ablation: a dot for each seed, a bar for the mean of each model, one panel for each split. */
import { linearRange, plots, svgText, type Plot } from "bridgetower/training";
import { modelLabels, spreadOf, valuesOf } from "./ablation-table.js";
import { measures } from "./measures.js";
import { models, type ModelType, type Run } from "./run-ablation.js";

const colours: Readonly<Record<ModelType, string>> = { bridgetower: "#2563eb", meter: "#ea580c" };
/** Pixels from the tick of a measure to the marks of a model. */
const offsets: Readonly<Record<ModelType, number>> = { bridgetower: -9, meter: 9 };
const barHalf = 7;

export const ablationChart = (runs: readonly Run[], splits: readonly string[]): string =>
  plots(...splits.map((split) => panel(runs, split)));

function panel(runs: readonly Run[], split: string): Plot {
  return {
    title: `BridgeTower against METER, ${split}`,
    x: {
      label: "",
      from: -0.5,
      to: measures.length - 0.5,
      ticks: measures.map(({ short }, at) => ({ at, label: short })),
    },
    y: { label: "share", ...linearRange(0, 1) },
    marks: (x, y) => [
      ...models.flatMap((model) =>
        measures.flatMap((measure, i) => {
          const values = [...valuesOf(runs, model, split, measure).values()];
          const spread = spreadOf(values);
          if (spread === undefined) return [];
          const [middle, height] = [x(i) + offsets[model], y(spread.mean).toFixed(1)];
          const bar = `M${(middle - barHalf).toFixed(1)} ${height}H${(middle + barHalf).toFixed(1)}`;
          return [
            `<path d="${bar}" fill="none" stroke="${colours[model]}" stroke-width="2"/>`,
            ...values.map((value) => dot(middle, y(value), colours[model])),
          ];
        }),
      ),
      ...models.map(
        (model, i) => `<g fill="${colours[model]}">${svgText(x(-0.4), 52 + 16 * i, `● ${modelLabels[model]}`)}</g>`,
      ),
    ],
  };
}

const dot = (x: number, y: number, colour: string): string =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2.5" fill="${colour}" fill-opacity="0.6"/>`;
