/** Ctrl-C at any moment, without a half-written file. */

/** The parts of `process` that are needed here. */
export interface Interruptible {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): void;
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Ends the process on SIGINT with 130 and on SIGTERM with 143: at once, or, while files are being written, as soon as
 * they are whole or taken away. A second signal always ends it at once.
 */
export class Interrupts {
  private writing = false;
  private pending: number | undefined;

  constructor(
    private readonly process: Interruptible,
    beforeExit: () => void,
  ) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        const again = this.pending !== undefined;
        this.pending = exitCodes[signal];
        if (this.writing && !again) return;
        beforeExit();
        process.exit(this.pending);
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
      if (this.pending !== undefined) this.process.exit(this.pending);
    }
  }

  /** Throws after a signal, for long work that can stop between two steps and clean up. */
  throwIfPending(): void {
    if (this.pending !== undefined) throw new Error("interrupted");
  }
}
