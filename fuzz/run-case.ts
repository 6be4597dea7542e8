/** One case: the file is written and read, and what came of it is compared with what may come. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { InputError } from "../src/errors.js";
import { type Format, limitOf } from "./format.js";

export type Outcome = "opened" | "refused";
export type FindingKind = "crash" | "hang" | "memory";

/** What no file may cause. */
export interface Problem {
  readonly kind: FindingKind;
  readonly message: string;
}

/** A folder for a format with the files beside the mutated one. @returns the path of the mutated file */
export async function prepareFolder(format: Format, parent: string): Promise<string> {
  const folder = join(parent, format.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, path] of Object.entries(format.others ?? {})) {
    await writeFile(join(folder, name), await readFile(path));
  }
  return join(folder, format.file);
}

/** Reads `bytes` as the file at `path`. */
export async function runCase(format: Format, path: string, bytes: Uint8Array): Promise<Outcome | Problem> {
  await writeFile(path, bytes);
  const memory = new MemoryMeter();
  let outcome: Outcome = "opened";
  try {
    await format.read(path);
  } catch (error) {
    if (!(error instanceof InputError)) return { kind: "crash", message: describeError(error) };
    outcome = "refused";
  }
  const limit = limitOf(format.bound, bytes.length);
  const used = memory.used();
  if (used <= limit) return outcome;
  return { kind: "memory", message: `${mebibytes(used)} for ${bytes.length} bytes, allowed ${mebibytes(limit)}` };
}

export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).slice(0, 2000) : `thrown: ${String(error)}`;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/**
 * The memory of one case: the peak of resident memory, which Linux can reset, and array buffers that were allocated without being touched.
 * On other systems only what is there at the end.
 */
class MemoryMeter {
  readonly #resident: number;
  readonly #buffers: number;

  constructor() {
    try {
      writeFileSync("/proc/self/clear_refs", "5");
    } catch {
      // Not Linux.
    }
    const { rss, arrayBuffers } = process.memoryUsage();
    this.#resident = rss;
    this.#buffers = arrayBuffers;
  }

  /** Bytes above those at the start. */
  used(): number {
    const { rss, arrayBuffers } = process.memoryUsage();
    const resident = Math.max(rss, peakResident() ?? rss);
    return Math.max(resident - this.#resident, arrayBuffers - this.#buffers);
  }
}

/** The highest resident memory since the last reset, in bytes; undefined if the system does not tell. */
function peakResident(): number | undefined {
  try {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    return kibibytes === undefined ? undefined : 1024 * Number(kibibytes);
  } catch {
    return undefined;
  }
}
