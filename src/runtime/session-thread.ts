/** The main thread's end of the thread that owns the sessions. */
import { WorkerThread } from "../threads/index.js";
import { Worker } from "node:worker_threads";
import { InputError } from "../errors.js";
import type { Answer, Call, Reply, Values } from "./session-messages.js";

/**
 * ONNX Runtime 1.30 reports its use over the network, and matches the process's command line against regular expressions
 * that overflow the stack on a long text. It reads this variable from the process, so only the process can set it.
 */
function startWorker(): Worker {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  return new Worker(new URL("./session-worker.js", import.meta.url), { execArgv: [] });
}

export class SessionThread {
  private readonly thread = new WorkerThread<Call, Reply>(startWorker(), "the thread that runs the model");
  private sessions = 0;

  constructor() {
    // A process that ends while the thread loads native code would abort: a call under way holds it that long.
    this.call({ call: "load" }).catch(() => undefined);
  }

  /** A number that no other session of this thread has. */
  newSession(): number {
    return this.sessions++;
  }

  /** @returns the outputs of a run, nothing for other calls */
  async call(call: Call, transfer: readonly ArrayBuffer[] = []): Promise<Values> {
    const answer = await this.exchange(call, transfer);
    if ("error" in answer) throw new Error(answer.error);
    return answer.values;
  }

  /** As `call`, for one that lends arrays: they come back with the answer, whatever it is. */
  exchange(call: Call, transfer: readonly ArrayBuffer[]): Promise<Answer> {
    return this.thread.exchange(call, transfer);
  }

  /** Ends the thread and frees its sessions; calls under way fail. */
  end(): Promise<void> {
    return this.thread.end(
      new InputError({
        code: "disposed",
        where: "model",
        expected: "one in use",
        found: "one that was disposed of",
        hint: "Load it again, or dispose of it later",
      }),
    );
  }
}
