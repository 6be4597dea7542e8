/** Ctrl-C at any moment, without a half-written file. */

type Signal = "SIGINT" | "SIGTERM";

/** The parts of `process` that are needed here. */
export interface Interruptible {
  readonly pid: number;
  on(signal: Signal, listener: () => void): unknown;
  removeAllListeners(signal: Signal): unknown;
  kill(pid: number, signal: Signal): unknown;
}

/**
 * How long a signal that comes again is the same request: npm, npx and tsx pass on the Ctrl-C that the terminal has sent
 * to every process of the group, so that one press of the keys arrives two or three times.
 */
const SAME_REQUEST_MS = 1000;

/**
 * Lets SIGINT and SIGTERM end the process (130 and 143 in a shell): at once, or, while files are being written, as soon
 * as they are whole or taken away. A second signal, a second or more after the first, ends it without waiting.
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
        } else if (now() - this.pending.since >= SAME_REQUEST_MS) this.end(signal);
      });
    }
  }

  /** Does work that writes files; a signal that came meanwhile takes effect when it is over. */
  async whileWriting<T>(work: () => Promise<T>): Promise<T> {
    this.writing = true;
    try {
      return await work();
    } finally {
      this.writing = false;
      if (this.pending !== undefined) this.end(this.pending.signal);
    }
  }

  /** Aborted by a signal that came while files are being written: for long work that can stop early. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** By the signal itself: `process.exit` would wait for the model's thread, and abort where that is in native code. */
  private end(signal: Signal): void {
    this.beforeExit();
    this.process.removeAllListeners(signal);
    this.process.kill(this.process.pid, signal);
  }
}
