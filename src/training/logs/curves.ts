/** Curves over the steps of a run, as SVG: `curves.svg` from its log. */
import { join } from "node:path";

import { writeAtomically } from "../../files/index.js";
import { fittingRange, linearRange, plotRight, plots, type AxisRange, type Plot, svgText } from "./plot.js";
import { readLog } from "./run-log.js";

/** Values measured after `step` steps. */
export interface Point {
  readonly step: number;
  /** The values by name. Missing values, NaN and infinity are not drawn. */
  readonly values: Readonly<Record<string, number>>;
}

/** One plot of `curves`. */
export interface Panel {
  readonly title: string;
  /** The label of the y axis. */
  readonly label: string;
  /** The curves. Each has the name of its values, and its label in the legend. */
  readonly series: readonly { readonly name: string; readonly label: string }[];
  /** The range of the y axis. Default: the range of the values. */
  readonly range?: AxisRange;
}

const colors = ["#2563eb", "#16a34a", "#dc2626", "#9333ea", "#ea580c", "#0891b2", "#be185d", "#65a30d"];
/** Close to the width of a plot in pixels. If a curve has more points, the means of neighbouring points are drawn. */
const maxPositions = 500;

type Position = readonly [step: number, value: number];

/**
 * Curves over the steps of a run, as an SVG document with the panels one below the other. The same points give the same document.
 * @param points by ascending step
 * @example
 * const points = [1, 2, 3].map((step) => ({ step, values: { loss: 1 / step } }));
 * const panel = { title: "training", label: "loss", series: [{ name: "loss", label: "loss" }] };
 * console.log(curves(points, [panel]).slice(0, 4)); // <svg
 */
export function curves(points: readonly Point[], panels: readonly Panel[]): string {
  const last = points.at(-1)?.step ?? 1;
  return plots(...panels.map((panel) => plotOf(points, panel, Math.max(last, 1))));
}

function plotOf(points: readonly Point[], { title, label, series, range }: Panel, last: number): Plot {
  const lines = series.map(({ name }) => thinned(positionsOf(points, name)));
  const y = range ?? fittingRange(lines.flatMap((positions) => positions.map(([, value]) => value)));
  return {
    title,
    x: { label: "steps", from: 0, to: last, ticks: stepTicks(last) },
    y: { label, ...y },
    marks: (x, y) => [
      ...lines.flatMap((positions, i) => {
        const stroke = colorOf(i);
        const [first, ...others] = positions.map(([step, value]) => [x(step).toFixed(1), y(value).toFixed(1)] as const);
        if (first === undefined) return [];
        // A line of one point would be invisible.
        if (others.length === 0) return [`<circle cx="${first[0]}" cy="${first[1]}" r="2" fill="${stroke}"/>`];
        const path = [first, ...others].map((position) => position.join(" ")).join("L");
        return [`<path d="M${path}" fill="none" stroke="${stroke}"/>`];
      }),
      ...legend(series.map((one) => one.label)),
    ],
  };
}

function positionsOf(points: readonly Point[], name: string): Position[] {
  return points.flatMap(({ step, values }) => {
    const value = values[name];
    return value !== undefined && Number.isFinite(value) ? [[step, value] as const] : [];
  });
}

function thinned(positions: readonly Position[]): readonly Position[] {
  if (positions.length <= maxPositions) return positions;
  const size = positions.length / maxPositions;
  return Array.from({ length: maxPositions }, (_, i) => {
    const group = positions.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const mean = (of: (position: Position) => number) =>
      group.reduce((sum, position) => sum + of(position), 0) / group.length;
    return [mean(([step]) => step), mean(([, value]) => value)] as const;
  });
}

const stepTicks = (last: number): AxisRange["ticks"] =>
  linearRange(0, last).ticks.filter(({ at }) => Number.isInteger(at) && at <= last);

const colorOf = (i: number): string => colors[i % colors.length]!;

/** The labels in rows, aligned to the right. The first row is above the curves. */
function legend(labels: readonly string[]): string[] {
  const rows: { label: string; i: number; width: number }[][] = [[]];
  for (const [i, label] of labels.entries()) {
    const width = 7 * label.length + 16;
    const used = rows.at(-1)!.reduce((sum, one) => sum + one.width, 0);
    if (used > 0 && used + width > 460) rows.push([]);
    rows.at(-1)!.push({ label, i, width });
  }
  return rows.flatMap((row, line) => {
    let x = plotRight;
    return row.toReversed().map(({ label, i, width }) => {
      const mark = `<g fill="${colorOf(i)}">${svgText(x, 36 + 14 * line, label, "end")}</g>`;
      x -= width;
      return mark;
    });
  });
}

/**
 * Draws the losses of training and validation and the metrics of validation over the steps. The same log gives the same file.
 * @returns the path; undefined if the log has nothing to draw
 */
export async function writeCurves(output: string): Promise<string | undefined> {
  const points: Point[] = [];
  for await (const { step, ...record } of readLog(output)) points.push({ step, values: numbersIn(record) });
  const panels = panelsOf(points);
  if (panels.length === 0) return undefined;
  const path = join(output, "curves.svg");
  await writeAtomically(path, (file) => file.writeFile(curves(points, panels)));
  return path;
}

const isLoss = (name: string) => /^loss(_|$)/.test(name);
const isValidationLoss = (name: string) => /^eval_(\w+_)?loss(_|$)/.test(name);
/** The main value of each metric, 0..1. Its parts, counts and times are only in the log. */
const isMetric = (name: string) => /^eval_\w+_(accuracy|score|mean)$/.test(name);
const isDrawn = (name: string) => isLoss(name) || isValidationLoss(name) || isMetric(name);

function numbersIn(record: Readonly<Record<string, unknown>>): Record<string, number> {
  const drawn = Object.entries(record).filter((entry): entry is [string, number] => {
    return isDrawn(entry[0]) && typeof entry[1] === "number";
  });
  return Object.fromEntries(drawn);
}

function panelsOf(points: readonly Point[]): Panel[] {
  const names = [...new Set(points.flatMap(({ values }) => Object.keys(values)))];
  const panel = (title: string, label: string, wanted: (name: string) => boolean): Panel => ({
    title,
    label,
    series: names.filter(wanted).map((name) => ({ name, label: name.replace(/^eval_/, "") })),
  });
  return [
    panel("training", "loss", isLoss),
    panel("validation", "loss", isValidationLoss),
    { ...panel("validation", "accuracy, score, mean recall", isMetric), range: linearRange(0, 1) },
  ].filter(({ series }) => series.length > 0);
}
