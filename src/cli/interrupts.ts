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
 * Lets SIGINT and SIGTERM end the process (130 and 143 in a shell): at once, or, while files are being written, as soon
 * as they are whole or taken away. A second signal always ends it at once.
 */
export class Interrupts {
  private readonly controller = new AbortController();
  private writing = false;
  private pending: Signal | undefined;

  constructor(
    private readonly process: Interruptible,
    private readonly beforeExit: () => void,
  ) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        const again = this.pending !== undefined;
        this.pending = signal;
        if (!this.writing || again) this.end(signal);
        else this.controller.abort(new Error("interrupted"));
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
      if (this.pending !== undefined) this.end(this.pending);
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
