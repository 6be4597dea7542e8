/** The main thread's end of one thread of the optimizer. */
import { WorkerThread } from "../../threads/index.js";
import { Worker } from "node:worker_threads";

import { lentBuffers } from "./transferred-arrays.js";
import type { Call, LoanOf, Reply } from "./optimizer-messages.js";

export class OptimizerThread {
  private readonly thread = new WorkerThread<Call, Reply>(
    new Worker(new URL("./optimizer-worker.js", import.meta.url), { execArgv: [] }),
    "a thread of the optimizer",
  );

  /**
   * Moves the loans' arrays to the thread; they come back in the reply, also if the call failed there.
   * @throws Error if the thread ends meanwhile: the arrays are lost
   */
  call<C extends Call>(call: C): Promise<Reply<LoanOf<C>>> {
    // The thread gives back the loans of the call.
    return this.thread.exchange(call, lentBuffers(call.loans));
  }

  /** Ends the thread; a call under way fails, and its arrays are lost. */
  end(): Promise<void> {
    return this.thread.end(new Error("the optimizer was disposed of"));
  }
}
