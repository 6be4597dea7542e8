/** Runs cases of formats for a time or a number of cases, and saves the files of findings. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { caseBytes, type Format } from "./format.js";
import { type CaseResult, FuzzSession, type SessionOptions } from "./fuzz-session.js";
import type { FindingKind, Outcome, Problem } from "./run-case.js";

export interface FuzzOptions extends SessionOptions {
  readonly formats: readonly Format[];
  readonly seed: number;
  /** Cases of each format. */
  readonly cases?: number;
  /** Time for all formats together, in milliseconds. */
  readonly totalMs?: number;
  /** Folder for the files of findings. */
  readonly folder: string;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface Progress extends FormatReport {
  /** Time left for all formats, in milliseconds, if it is limited; else for the cases of this one. */
  readonly leftMs: number;
}

export interface Finding {
  readonly format: string;
  readonly seed: number;
  readonly index: number;
  readonly kind: FindingKind;
  readonly message: string;
  /** Path of the file that causes it. Only the first of several equal findings has one. */
  readonly file: string;
  /** Cases with the same first line of the message. */
  readonly cases: number;
}

export interface FormatReport {
  readonly format: string;
  readonly cases: number;
  readonly opened: number;
  readonly refused: number;
  /** Cases with a finding. */
  readonly findings: number;
  readonly seconds: number;
}

export interface FuzzReport {
  readonly seed: number;
  readonly formats: readonly FormatReport[];
  /** Different ones. */
  readonly findings: readonly Finding[];
}

/** Cases that are sent to the child at once. */
const jobSize = 1_000_000;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { formats, totalMs = Infinity, signal } = options;
  const started = performance.now();
  const reports: FormatReport[] = [];
  const findings = new Map<string, Finding>();
  const session = await FuzzSession.start(options);
  const stop = () => void session.close();
  signal?.addEventListener("abort", stop);
  try {
    for (const [i, format] of formats.entries()) {
      if (signal?.aborted === true) break;
      const now = performance.now();
      const end = started + totalMs;
      reports.push(await fuzzFormat(session, format, now + (end - now) / (formats.length - i), findings, options));
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await session.close();
  }
  return { seed: options.seed, formats: reports, findings: [...findings.values()] };
}

async function fuzzFormat(
  session: FuzzSession,
  format: Format,
  end: number,
  findings: Map<string, Finding>,
  options: FuzzOptions,
): Promise<FormatReport> {
  const { seed, cases = jobSize, signal, onProgress } = options;
  const counts: Record<Outcome | "findings", number> = { opened: 0, refused: 0, findings: 0 };
  const problems: { readonly index: number; readonly problem: Problem }[] = [];
  const started = performance.now();
  const report = (): FormatReport => {
    const total = counts.opened + counts.refused + counts.findings;
    return { format: format.name, cases: total, ...counts, seconds: (performance.now() - started) / 1000 };
  };
  const onResult = ({ index, outcome }: CaseResult): boolean => {
    if (typeof outcome === "string") counts[outcome]++;
    else {
      counts.findings++;
      problems.push({ index, problem: outcome });
    }
    if (onProgress !== undefined) {
      const soFar = report();
      const byCases = (1000 * soFar.seconds * (cases - soFar.cases)) / soFar.cases;
      onProgress({ ...soFar, leftMs: Math.min(end - performance.now(), byCases) });
    }
    return performance.now() < end && signal?.aborted !== true;
  };
  await session.run({ format: format.name, seed, from: 0, to: cases }, onResult);
  const samples = problems.length === 0 ? [] : await format.samples();
  for (const { index, problem } of problems) {
    if (signal?.aborted === true) break;
    const bytes = caseBytes(format, samples, seed, index);
    const known = findings.get(keyOf(format, problem));
    if (known !== undefined) {
      findings.set(keyOf(format, problem), { ...known, cases: known.cases + 1 });
      continue;
    }
    const file = await saveCase(options.folder, format, seed, index, bytes);
    // Time and memory depend on what else the machine does, and on garbage of the cases before.
    const confirmed = problem.kind === "crash" ? problem : await replay(format, file, options);
    if (typeof confirmed === "string") {
      counts.findings--;
      counts[confirmed]++;
      continue;
    }
    const { kind, message } = confirmed;
    findings.set(keyOf(format, problem), { format: format.name, seed, index, kind, message, file, cases: 1 });
  }
  return report();
}

/** Equal for findings that probably have one cause. */
function keyOf({ name }: Format, { kind, message }: Problem): string {
  return `${name} ${kind} ${kind === "crash" ? message.split("\n").slice(0, 2).join("\n").replace(/\d+/g, "0") : ""}`;
}

async function saveCase(
  folder: string,
  format: Format,
  seed: number,
  index: number,
  bytes: Uint8Array,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${format.name}.${seed}.${index}.bin`);
  await writeFile(file, bytes);
  return file;
}

/** Reads the file of a finding again, alone in a new process. */
export async function replay(format: Format, file: string, options: SessionOptions = {}): Promise<Outcome | Problem> {
  const session = await FuzzSession.start(options);
  try {
    let found: Outcome | Problem | undefined;
    await session.run({ format: format.name, seed: 0, from: 0, to: 1, file }, ({ outcome }) => {
      found = outcome;
      return true;
    });
    return found!;
  } finally {
    await session.close();
  }
}

/** The name of the format in the name of a saved file: `parquet.1.17.bin`. */
export const formatOfFile = (file: string): string => basename(file).split(".")[0]!;
