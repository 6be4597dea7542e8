/** The main thread's end of the thread that owns the sessions. */
import { Worker } from "node:worker_threads";
import { InputError } from "../errors.js";
import type { Answer, Call, Reply, Request, Values } from "./session-messages.js";

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * ONNX Runtime 1.30 reports its use over the network, and matches the process's command line against regular expressions
 * that overflow the stack on a long text. It reads this variable from the process, so only the process can set it.
 */
function startWorker(): Worker {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  // Flags of the process, such as an input type, are not for this file.
  return new Worker(new URL("./session-worker.js", import.meta.url), { execArgv: [] });
}

export class SessionThread {
  private readonly worker = startWorker();
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private sessions = 0;
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
    this.worker.on("exit", () => this.fail(new Error("the thread that runs the model has ended")));
    this.holdProcess();
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
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.holdProcess();
      this.worker.postMessage({ ...call, id } satisfies Request, transfer);
    });
  }

  /** Ends the thread and frees its sessions; calls under way fail. */
  async end(): Promise<void> {
    this.fail(
      new InputError({
        where: "model",
        expected: "one in use",
        found: "one that was disposed of",
        mend: "Load it again, or dispose of it later",
      }),
    );
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
