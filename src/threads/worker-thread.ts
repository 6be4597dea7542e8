/** Calls to a worker thread, which answers each of them once and in any order. */
import type { Worker } from "node:worker_threads";

interface Pending<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** The worker gets each call with a number `id`, which its reply repeats, and `{ call: "end" }` at the end, to exit by itself. */
export class WorkerThread<Call extends object, Reply extends { readonly id: number }> {
  private readonly pending = new Map<number, Pending<Reply>>();
  private calls = 0;
  private ending = false;
  /** The error of every further call. */
  private ended: Error | undefined;
  private readonly exited: Promise<void>;

  /**
   * @param worker just started, with `execArgv: []`: flags of the process, such as a loader, are not meant for its file
   * @param name what an error calls the thread
   */
  constructor(
    private readonly worker: Worker,
    name: string,
  ) {
    this.exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (reply: Reply) => {
      const call = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      this.holdProcess();
      call?.resolve(reply);
    });
    worker.on("error", (error) => this.fail(error));
    worker.on("exit", () => this.fail(new Error(`${name} has ended`)));
    this.holdProcess();
  }

  /** Whether the thread has ended, or was asked to. Otherwise a call that failed could not be sent. */
  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  /**
   * Sends a call and waits for its reply.
   * @param transfer buffers whose memory is transferred to the thread
   * @throws Error if the call cannot be sent, such as for a buffer that is detached or listed twice: nothing is transferred
   * @throws Error if the thread ends before it replies: the transferred buffers are lost
   */
  exchange(call: Call, transfer: readonly ArrayBuffer[]): Promise<Reply> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    if (transfer.some(isDetached)) return Promise.reject(new Error("an ArrayBuffer to transfer is detached"));
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      // First, because it throws for values that cannot be cloned or transferred: there is no reply then.
      this.worker.postMessage({ ...call, id }, transfer);
      this.pending.set(id, { resolve, reject });
      this.holdProcess();
    });
  }

  /** Ends the thread. Pending and later calls fail with `why`. */
  async end(why: Error): Promise<void> {
    this.fail(why);
    this.ending = true;
    this.holdProcess();
    this.worker.postMessage({ call: "end" });
    await this.exited;
  }

  private fail(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }

  /** The process stays alive only for a pending call or while the thread ends. */
  private holdProcess(): void {
    if (this.pending.size > 0 || this.ending) this.worker.ref();
    else this.worker.unref();
  }
}

/** Node 20 posts nothing, without an error, if a buffer of the transfer list is detached. */
function isDetached(buffer: ArrayBuffer): boolean {
  try {
    // The constructor refuses a detached buffer; `ArrayBuffer.prototype.detached` needs Node 21.
    return new Uint8Array(buffer).length !== buffer.byteLength;
  } catch {
    return true;
  }
}
