/** Formats the results of the ablation over the seeds as Markdown. */
import { markdownTable } from "./formatted-file.js";
import { measures, type Measure } from "./measures.js";
import { models, type ModelType, type Run } from "./run-ablation.js";

export const modelLabels: Readonly<Record<ModelType, string>> = { bridgetower: "BridgeTower", meter: "METER" };

export interface Spread {
  readonly mean: number;
  /** Sample standard deviation. Undefined for a single value. */
  readonly deviation: number | undefined;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: count === 1 ? undefined : Math.sqrt(squares / (count - 1)) };
}

/** A measure of one model on one split, by seed. Seeds without it are omitted. */
export function valuesOf(runs: readonly Run[], model: ModelType, split: string, { key }: Measure): Map<number, number> {
  return new Map(
    runs.flatMap((run) => {
      const value = run.model === model ? run.results[split]?.[key] : undefined;
      return value === undefined ? [] : [[run.seed, value] as const];
    }),
  );
}

export function ablationTable(runs: readonly Run[], splits: readonly string[]): string {
  const labels = [...models.map((model) => modelLabels[model]), "difference"];
  const heading = ["measure", ...splits.flatMap((split) => labels.map((label) => `${split}: ${label}`))];
  const rows = measures.map((measure) => [
    measure.label,
    ...splits.flatMap((split) => {
      const [bridged, plain] = models.map((model) => valuesOf(runs, model, split, measure));
      // Paired by seed: both models start from the same values and see the same scenes.
      const differences = [...bridged!].flatMap(([seed, value]) => {
        const other = plain!.get(seed);
        return other === undefined ? [] : [value - other];
      });
      return [
        spreadText(spreadOf([...bridged!.values()])),
        spreadText(spreadOf([...plain!.values()])),
        spreadText(spreadOf(differences), "+"),
      ];
    }),
  ]);
  return markdownTable(heading, rows);
}

function spreadText(spread: Spread | undefined, sign: "+" | "" = ""): string {
  if (spread === undefined) return "–";
  const { mean, deviation } = spread;
  // Uses a minus sign as wide as a plus, and none before a zero.
  const size = Math.abs(mean).toFixed(3);
  const marked = size === "0.000" ? size : `${mean < 0 ? "−" : sign}${size}`;
  return deviation === undefined ? marked : `${marked} ± ${deviation.toFixed(3)}`;
}
