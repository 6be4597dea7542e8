/** The main thread's end of one thread of the optimizer. */
import { Worker } from "node:worker_threads";
import { lentBuffers } from "./lent-buffers.js";
import type { Call, LoanOf, Reply, Request } from "./optimizer-messages.js";

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class OptimizerThread {
  // The process's own flags may not suit a file: `--input-type`, or a loader that it does not need.
  private readonly worker = new Worker(new URL("./optimizer-worker.js", import.meta.url), { execArgv: [] });
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private ending = false;
  /** Why no further call is taken. */
  private ended: Error | undefined;

  private readonly exited = new Promise<void>((resolve) => this.worker.once("exit", () => resolve()));

  constructor() {
    this.worker.on("message", (reply: Reply) => {
      const call = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      this.holdProcess();
      call?.resolve(reply);
    });
    this.worker.on("error", (error) => this.fail(error));
    this.worker.on("exit", () => this.fail(new Error("a thread of the optimizer has ended")));
    this.holdProcess();
  }

  /**
   * Moves the loans' arrays to the thread; they come back in the reply, also if the call failed there.
   * @throws Error if the thread ends meanwhile: the arrays are lost
   */
  call<C extends Call>(call: C): Promise<Reply<LoanOf<C>>> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.holdProcess();
      this.worker.postMessage({ ...call, id } satisfies Request, lentBuffers(call.loans));
    });
  }

  /** Ends the thread; a call under way fails, and its arrays are lost. */
  async end(): Promise<void> {
    this.fail(new Error("the optimizer was disposed of"));
    this.ending = true;
    this.holdProcess();
    this.worker.postMessage({ call: "end" } satisfies Request);
    await this.exited;
  }

  private fail(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  /** Only a call under way, or the end of the thread itself, keeps the process from ending. */
  private holdProcess(): void {
    if (this.pending.size > 0 || this.ending) this.worker.ref();
    else this.worker.unref();
  }
}
