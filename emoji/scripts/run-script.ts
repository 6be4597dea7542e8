/** Runs the scripts of this folder: a progress line, user errors in one line, Ctrl-C. */
import { inspect } from "node:util";
import { InputError } from "bridgetower";

export interface Script {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  /** Writes a permanent line to standard error. */
  readonly log: (line: string) => void;
}

const eraseLine = "\r\u001b[K";
const minInterval = 100;

/** A line that is overwritten, on a terminal only. */
class ProgressLine {
  private lastShown = -Infinity;
  private isShown = false;

  /** @returns a callback for the progress of one part */
  start(label: string): (done: number, total: number) => void {
    const begun = performance.now();
    return (done, total) =>
      this.show(() => `${label} ${done}/${total}, ${((1000 * done) / (performance.now() - begun)).toFixed(1)}/s`);
  }

  show(text: () => string): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.lastShown < minInterval) return;
    this.lastShown = now;
    this.isShown = true;
    process.stderr.write(eraseLine + text().slice(0, process.stderr.columns - 1));
  }

  clear(): void {
    if (this.isShown) process.stderr.write(eraseLine);
    this.isShown = false;
  }
}

/** A terminal's Ctrl-C may arrive several times, because npm and tsx pass it on. */
const sameRequest = 1000;

/** Runs a resumable script. Ctrl-C stops it after the current step, a second Ctrl-C at once. */
export async function runScript(work: (script: Script) => Promise<void>): Promise<void> {
  const progress = new ProgressLine();
  const log = (line: string) => {
    progress.clear();
    console.error(line);
  };
  const controller = new AbortController();
  let firstInterrupt: number | undefined;
  process.on("SIGINT", () => {
    const now = performance.now();
    firstInterrupt ??= now;
    if (now - firstInterrupt >= sameRequest) process.exit(130);
    controller.abort(new Error("interrupted"));
  });
  try {
    await work({ signal: controller.signal, progress, log });
  } catch (error) {
    if (!controller.signal.aborted) log(error instanceof InputError ? error.message : inspect(error));
    process.exitCode = 1;
  } finally {
    progress.clear();
  }
  if (!controller.signal.aborted) return;
  log("stopped; the same command resumes");
  process.exit(130);
}
