/** `curves.svg` of a run, from its log. */
import { writeAtomically } from "../../files/index.js";
import { join } from "node:path";

import { linearRange } from "./axis.js";
import { curves, type Panel, type Point } from "./chart.js";
import { readLog } from "./run-log.js";

/**
 * Draws the losses of training and validation and the metrics of validation over the steps. The same log gives the same file.
 * @returns the path; undefined where the log has nothing to draw
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
/** Shares 0..1 that sum a metric up; their parts, counts and times are in the log alone. */
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
