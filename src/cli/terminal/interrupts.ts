/** Ctrl-C at any moment, without a partly written file. */

type Signal = "SIGINT" | "SIGTERM";

/** The parts of `process` that are used here. */
export interface Interruptible {
  readonly pid: number;
  on(signal: Signal, listener: () => void): unknown;
  removeAllListeners(signal: Signal): unknown;
  kill(pid: number, signal: Signal): unknown;
}

/**
 * A signal that is repeated within this time counts as one: npm, npx and tsx pass on the Ctrl-C that the terminal has
 * sent to every process of the group, so one key press arrives two or three times.
 */
const sameRequestMs = 1000;

/**
 * SIGINT and SIGTERM end the process (130 and 143 in a shell): at once, or, while files are being written, as soon as
 * they are complete or removed. A second signal, a second or more after the first, ends it without waiting.
 */
export class Interrupts {
  private readonly controller = new AbortController();
  private writing = false;
  private pending: { readonly signal: Signal; readonly since: number } | undefined;

  /** `now` is in milliseconds. */
  constructor(
    private readonly process: Interruptible,
    private readonly beforeExit: () => void,
    now: () => number = () => performance.now(),
  ) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (!this.writing) this.end(signal);
        else if (this.pending === undefined) {
          this.pending = { signal, since: now() };
          this.controller.abort(new Error("interrupted"));
        } else if (now() - this.pending.since >= sameRequestMs) this.end(signal);
      });
    }
  }

  /** Does work that writes files; a signal that arrives meanwhile takes effect when the work is done. */
  async whileWriting<T>(work: () => Promise<T>): Promise<T> {
    this.writing = true;
    try {
      return await work();
    } finally {
      this.writing = false;
      if (this.pending !== undefined) this.end(this.pending.signal);
    }
  }

  /** Aborted by a signal that arrives while files are being written: for long work that can stop early. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Ends the process by the signal itself: `process.exit` would wait for the model's thread, and abort if that runs native code. */
  private end(signal: Signal): void {
    this.beforeExit();
    this.process.removeAllListeners(signal);
    this.process.kill(this.process.pid, signal);
  }
}
