/** Runs cases in a child process, and starts another one when a case hangs, crashes it, or takes its memory. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Outcome, Problem } from "./run-case.js";

/** Cases `from` up to `to` of a format, or one case with the bytes of a file. */
export interface Job {
  readonly format: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly file?: string;
}

export type ChildLine =
  | { readonly ready: true }
  | { readonly start: number }
  | { readonly end: number; readonly outcome: Outcome }
  | { readonly end: number; readonly problem: Problem }
  | { readonly done: true };

export interface CaseResult {
  readonly index: number;
  readonly outcome: Outcome | Problem;
}

export interface SessionOptions {
  /** A module that exports `formats`. */
  readonly formatsModule?: string;
  /** Longest time for one case, in milliseconds. Default 5 s. */
  readonly maxCaseMs?: number;
  /** MiB of JavaScript objects in the child. Default 1024. */
  readonly maxHeap?: number;
}

const childModule = fileURLToPath(new URL("./fuzz-child.ts", import.meta.url));
const defaultFormats = fileURLToPath(new URL("./formats.ts", import.meta.url));

/** A child process, the results of its cases, and the end of it. */
class Child {
  readonly #process: ChildProcess;
  readonly #onLine: (line: ChildLine) => void;
  #errors = "";
  readonly exit: Promise<string>;

  constructor(options: SessionOptions, folder: string, onLine: (line: ChildLine) => void) {
    const { formatsModule = defaultFormats, maxHeap = 1024 } = options;
    const limits = [`--max-old-space-size=${maxHeap}`, "--stack-trace-limit=20"];
    this.#onLine = onLine;
    this.#process = spawn(process.execPath, ["--import", "tsx", ...limits, childModule, formatsModule, folder], {
      stdio: ["ignore", "ignore", "pipe", "pipe", "ipc"],
    });
    createInterface({ input: this.#process.stdio[3] as Readable }).on("line", (line) =>
      this.#onLine(JSON.parse(line) as ChildLine),
    );
    this.#process.stderr!.on(
      "data",
      (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-2000)),
    );
    this.exit = new Promise((resolve) => {
      this.#process.once("error", (error) => resolve(error.message));
      this.#process.once("close", (code, signal) =>
        resolve(`the process ended with ${signal ?? `code ${String(code)}`}: ${this.#errors.trim()}`),
      );
    });
  }

  send(job: Job): void {
    this.#process.send(job);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** How often the time of the running case is looked at, in milliseconds. */
const tick = 100;

export class FuzzSession {
  readonly #options: SessionOptions;
  readonly #folder: string;
  #child: Child | undefined;
  #onLine: (line: ChildLine) => void = () => undefined;

  private constructor(options: SessionOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  static async start(options: SessionOptions = {}): Promise<FuzzSession> {
    return new FuzzSession(options, await mkdtemp(join(tmpdir(), "bridgetower-fuzz-")));
  }

  /**
   * Runs the cases of a job. `onResult` is called for each; a false result stops the job. A hang or a crash of the process is the result of
   * its case, and the cases after it run in a new process.
   */
  async run(job: Job, onResult: (result: CaseResult) => boolean | undefined): Promise<void> {
    for (let next: number | undefined = job.from; next !== undefined && next < job.to;) {
      next = await this.#runUntilDeath({ ...job, from: next }, onResult);
    }
  }

  /** Ends the child and removes its files. */
  async close(): Promise<void> {
    this.#child?.kill();
    await this.#child?.exit;
    this.#child = undefined;
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** @returns the case to continue with; undefined at the end of the job */
  async #runUntilDeath(job: Job, onResult: (result: CaseResult) => boolean | undefined): Promise<number | undefined> {
    const child = await this.#ready();
    return new Promise((resolve) => {
      let last = job.from;
      /** Start of the running case. */
      let since: number | undefined;
      let isOver = false;
      const finish = (next: number | undefined) => {
        if (isOver) return;
        isOver = true;
        clearInterval(timer);
        resolve(next);
      };
      const fail = (problem: Problem, index: number) => {
        if (isOver) return;
        this.#child = undefined;
        child.kill();
        finish(onResult({ index, outcome: problem }) === false ? undefined : index + 1);
      };
      const { maxCaseMs = 5000 } = this.#options;
      const timer = setInterval(() => {
        if (since === undefined || performance.now() - since <= maxCaseMs) return;
        fail({ kind: "hang", message: `longer than ${maxCaseMs / 1000} s` }, last);
      }, tick);
      this.#onLine = (line) => {
        if (isOver) return;
        if ("start" in line) [last, since] = [line.start, performance.now()];
        else if ("done" in line) finish(undefined);
        else if ("end" in line) {
          since = undefined;
          const outcome = "problem" in line ? line.problem : line.outcome;
          if (onResult({ index: line.end, outcome }) !== false) return;
          // The child is in the middle of its job.
          this.#child = undefined;
          child.kill();
          finish(undefined);
        }
      };
      void child.exit.then((message) => fail({ kind: "crash", message }, last));
      child.send(job);
    });
  }

  async #ready(): Promise<Child> {
    if (this.#child !== undefined) return this.#child;
    const ready = new Promise<void>((resolve) => {
      this.#onLine = () => resolve();
    });
    const child = new Child(this.#options, this.#folder, (line) => this.#onLine(line));
    const failure = await Promise.race([ready, child.exit]);
    if (failure !== undefined) throw new Error(`the process for the cases did not start: ${failure}`);
    return (this.#child = child);
  }
}
