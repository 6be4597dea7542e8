/** Combines the logs of several runs: one log, validation curves and a table. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { InputError } from "bridgetower";
import { curves, linearRange, readLog, type LogRecord, type Point } from "bridgetower/training";
import { markdownTable, shareText, writeSection, writeWhole } from "./formatted-file.js";
import { measures } from "./measures.js";

/** The settings of a run that are read here. */
interface Settings {
  readonly output: string;
  readonly batch_size: number;
}

interface Run {
  readonly name: string;
  readonly batchSize: number;
  readonly records: readonly LogRecord[];
  readonly steps: number;
  /** Time of the steps, computed from the logged rates. */
  readonly minutes: number;
  /** The results of each validation: shares by the keys of `measures`. */
  readonly validations: readonly Point[];
}

/**
 * Writes `emoji-training.jsonl`, `emoji-training.svg` and the section `training` of `emoji.md`.
 * @param settings folder of the settings files; the numbers in their names give their order
 * @param root folder that the paths in the settings are relative to
 * @throws InputError if a run has no log
 */
export async function writeHistory(settings: string, root: string, docs: string): Promise<void> {
  const files = (await readdir(settings)).filter((file) => /^\d+-.*\.json$/.test(file));
  const names = files.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const runs = await Promise.all(names.map((file) => runOf(join(settings, file), root)));
  const lines = runs.flatMap(({ name, records }) => records.map((record) => JSON.stringify({ run: name, ...record })));
  await writeWhole(join(docs, "emoji-training.jsonl"), `${lines.join("\n")}\n`);
  await writeWhole(join(docs, "emoji-training.svg"), chart(runs));
  const parts = [table(runs), "![validation over the steps of all runs](emoji-training.svg)"];
  await writeSection(join(docs, "emoji.md"), "training", parts.join("\n\n"));
}

async function runOf(path: string, root: string): Promise<Run> {
  // A file of this repository.
  const { output, batch_size } = JSON.parse(await readFile(path, "utf8")) as Settings;
  const records: LogRecord[] = [];
  for await (const record of readLog(join(root, output))) records.push(record);
  if (records.length === 0) {
    const hint = "Train with npm run emoji:train";
    throw new InputError({ code: "file-not-found", where: output, expected: "the log of a run", found: "none", hint });
  }
  return {
    name: basename(output),
    batchSize: batch_size,
    records,
    steps: records.at(-1)!.step,
    minutes: minutesOf(records, batch_size),
    validations: records.flatMap((record) => {
      const values = sharesIn(record);
      return Object.keys(values).length === 0 ? [] : [{ step: record.step, values }];
    }),
  };
}

/** Validation over the steps of all runs, one after the other. */
function chart(runs: readonly Run[]): string {
  let before = 0;
  const points: Point[] = [];
  for (const { validations, steps } of runs) {
    for (const { step, values } of validations) points.push({ step: before + step, values });
    before += steps;
  }
  const series = measures
    .filter(({ key }) => points.some(({ values }) => key in values))
    .map(({ key, short }) => ({ name: key, label: short }));
  return curves(points, [{ title: "validation", label: "share", series, range: linearRange(0, 1) }]);
}

const sharesIn = (record: LogRecord): Record<string, number> =>
  Object.fromEntries(
    measures.flatMap(({ key }) => {
      const value = record[`eval_${key}`];
      return typeof value === "number" ? [[key, value] as const] : [];
    }),
  );

function table(runs: readonly Run[]): string {
  const ends = runs.map(({ validations }) => validations.at(-1)?.values ?? {});
  const measured = measures.filter(({ key }) => ends.some((values) => key in values));
  const rows = runs.map(({ name, steps, batchSize, minutes }, i) => [
    `\`${name}\``,
    `${steps.toLocaleString("en")} × ${batchSize}`,
    String(Math.round(minutes)),
    ...measured.map(({ key }) => shareText(ends[i]![key])),
  ]);
  const total = runs.reduce((sum, { minutes }) => sum + minutes, 0);
  const blank = measured.map(() => "");
  return markdownTable(
    ["run", "steps × rows", "minutes", ...measured.map(({ short }) => short)],
    [...rows, ["all", "", String(Math.round(total)), ...blank]],
  );
}

function minutesOf(records: readonly LogRecord[], batchSize: number): number {
  let [seconds, last] = [0, 0];
  for (const { step, pairs_per_second: rate } of records) {
    if (typeof rate !== "number" || rate === 0) continue;
    seconds += ((step - last) * batchSize) / rate;
    last = step;
  }
  return seconds / 60;
}
