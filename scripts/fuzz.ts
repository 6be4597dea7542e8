/**
 * `npm run fuzz -- --minutes 10 [--cases N] [--seed S] [--format NAME]… [--out FOLDER] [--json]`: reads mutated files with the parsers of
 * this package until the time or the number of cases is over, and saves each file that causes a crash, a hang, or takes too much memory.
 * `npm run fuzz -- --replay FILE` reads such a file again. See docs/fuzzing.md.
 */
import { parseArgs } from "node:util";

import { type Format } from "../fuzz/format.js";
import { formats } from "../fuzz/formats.js";
import { formatOfFile, fuzz, type FuzzReport, type Progress, replay } from "../fuzz/fuzz.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    cases: { type: "string" },
    seed: { type: "string" },
    format: { type: "string", multiple: true },
    out: { type: "string", default: "fuzz-findings" },
    json: { type: "boolean", default: false },
    replay: { type: "string" },
  },
});

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function numberOf(name: "minutes" | "cases" | "seed"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  const isValid =
    name === "minutes" ? number > 0 : Number.isSafeInteger(number) && number >= (name === "cases" ? 1 : 0);
  if (text.trim() === "" || !isValid)
    fail(`--${name}: expected ${name === "minutes" ? "a number" : "a whole number"}, found ${text}`);
  return number;
}

function formatNamed(name: string): Format {
  const found = formats.find((format) => format.name === name);
  return found ?? fail(`--format: expected one of ${formats.map((one) => one.name).join(", ")}, found ${name}`);
}

async function replayFile(file: string): Promise<void> {
  const outcome = await replay(formatNamed(values.format?.[0] ?? formatOfFile(file)), file);
  console.log(typeof outcome === "string" ? outcome : `${outcome.kind}: ${outcome.message}`);
  process.exitCode = typeof outcome === "string" ? 0 : 1;
}

function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

let shownAt = 0;

/** A line a second at most; a terminal shows it in place of the one before. */
function showProgress({ format, cases, seconds, findings, leftMs }: Progress): void {
  if (performance.now() - shownAt < 1000) return;
  shownAt = performance.now();
  const rate = Math.round(cases / Math.max(seconds, 0.001));
  const text = `${format}: ${cases} cases, ${rate}/s, ${findings} findings, ${clock(leftMs)} left`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

function table({ seed, formats: rows, findings }: FuzzReport): string {
  const columns = ["format", "cases", "opened", "refused", "findings", "seconds"] as const;
  const cells = rows.map((row) =>
    columns.map((name) => (name === "seconds" ? row[name].toFixed(1) : String(row[name]))),
  );
  const widths = columns.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  const found = findings.map(
    ({ format, kind, cases, message, file }) => `${kind} in ${format} (${cases} cases): ${message}\n  ${file}`,
  );
  return [`seed ${seed}`, line(columns), ...cells.map(line), "", ...found].join("\n");
}

async function run(): Promise<void> {
  const cases = numberOf("cases");
  const minutes = numberOf("minutes") ?? (cases === undefined ? 1 : Infinity);
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const report = await fuzz({
    formats: values.format?.map(formatNamed) ?? formats,
    seed: numberOf("seed") ?? Date.now() % 2 ** 32,
    cases,
    totalMs: minutes * 60_000,
    folder: values.out,
    onProgress: showProgress,
    signal: stop.signal,
  });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  console.log(values.json ? JSON.stringify(report, null, 2) : table(report));
  process.exitCode = stop.signal.aborted ? 130 : report.findings.length > 0 ? 1 : 0;
}

await (values.replay === undefined ? run() : replayFile(values.replay));
