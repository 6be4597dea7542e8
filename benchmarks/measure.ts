/** Timing, memory and tables for the benchmarks. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Seconds, sorted upwards. */
export class Times {
  readonly sorted: readonly number[];
  constructor(seconds: readonly number[]) {
    this.sorted = [...seconds].sort((a, b) => a - b);
  }
  get median(): number {
    return this.sorted[Math.floor(this.sorted.length / 2)]!;
  }
  /** `0.312 s (0.310–0.330, n = 5)` */
  toString(): string {
    const [first, last] = [this.sorted[0]!, this.sorted.at(-1)!];
    return `${seconds(this.median)} (${seconds(first)}–${seconds(last)}, n = ${this.sorted.length})`;
  }
}

export const seconds = (value: number): string =>
  value >= 0.1 ? `${value.toPrecision(3)} s` : `${(value * 1000).toPrecision(3)} ms`;

export interface Sides {
  readonly ours: Times;
  /** If there is a reference. */
  readonly theirs: Times | undefined;
}

/** Runs both sides `rounds` times in turn, A B A B …, after one run of each that is not counted. Each gives its seconds. */
export async function alternate(
  rounds: number,
  ours: () => Promise<number>,
  theirs: (() => Promise<number>) | undefined,
): Promise<Sides> {
  const taken: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  await ours();
  await theirs?.();
  for (let round = 0; round < rounds; round++) {
    taken.ours.push(await ours());
    if (theirs !== undefined) taken.theirs.push(await theirs());
  }
  return { ours: new Times(taken.ours), theirs: theirs === undefined ? undefined : new Times(taken.theirs) };
}

/** Seconds that `run` takes. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

export interface ProcessRun {
  readonly seconds: number;
  readonly stdout: string;
  /** Largest private (anonymous) memory seen, in bytes, by a look at every millisecond; 0 without /proc. */
  readonly privateBytes: number;
}

/** A whole process, from its start to its end. */
export async function runProcess(
  command: string,
  args: readonly string[],
  output: "pipe" | "ignore" = "pipe",
): Promise<ProcessRun> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", output, "inherit"] });
  let privateBytes = 0;
  const look = setInterval(() => (privateBytes = Math.max(privateBytes, anonymousBytes(child))), 1);
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${String(code)}`);
  return { seconds: (performance.now() - start) / 1000, stdout: Buffer.concat(chunks).toString(), privateBytes };
}

function anonymousBytes({ pid }: ChildProcess): number {
  const path = `/proc/${pid ?? 0}/status`;
  if (!existsSync(path)) return 0;
  const kilobytes = /RssAnon:\s+(\d+)/.exec(readFileSync(path, "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** A process that answers each line of JSON with one. */
export class LineServer {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
    this.ended = new Promise((resolve) => this.child.once("close", () => resolve()));
  }

  async next(): Promise<unknown> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error("the reference process ended early");
    return JSON.parse(line.value);
  }

  ask(command: unknown): Promise<unknown> {
    this.child.stdin!.write(`${JSON.stringify(command)}\n`);
    return this.next();
  }

  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;

  close(): void {
    this.child.stdin!.end();
  }
}

export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  console.log([line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n"));
}

/** The folder of a checkpoint of a published size with random weights, written at its first use. The process exits if that fails. */
export function randomCheckpoint(size: string): string {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const folder = join(root, ".bench", size);
  if (existsSync(join(folder, "model.safetensors"))) return folder;
  console.error(`writing a random checkpoint of the ${size} size …`);
  const script = join(root, "scripts/make-checkpoint.ts");
  const made = spawnSync(process.execPath, ["--import", "tsx", script, size, folder], { stdio: "inherit" });
  if (made.status !== 0) process.exit(1);
  return folder;
}

/** Processor, cores and memory of this machine. */
export function machine(): string {
  const [first] = cpus();
  return `${first?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
}
