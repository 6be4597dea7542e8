/** The main thread's end of a thread that answers calls, each once and in any order. */
import type { Worker } from "node:worker_threads";

interface Pending<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** The thread gets each call with a number `id`, which its reply repeats, and at last `{ call: "end" }`, to leave by itself. */
export class WorkerThread<Call extends object, Reply extends { readonly id: number }> {
  private readonly pending = new Map<number, Pending<Reply>>();
  private calls = 0;
  private ending = false;
  /** Why no further call is taken. */
  private ended: Error | undefined;
  private readonly exited: Promise<void>;

  /**
   * @param worker just started, with `execArgv: []`: flags of the process, such as an input type or a loader, are not for its file
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

  /**
   * @param transfer buffers whose memory is moved to the thread
   * @throws Error if the thread ends meanwhile: what was moved is lost
   */
  exchange(call: Call, transfer: readonly ArrayBuffer[]): Promise<Reply> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.holdProcess();
      this.worker.postMessage({ ...call, id }, transfer);
    });
  }

  /** Ends the thread; calls under way and later ones fail with `why`. */
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

  /** Only a call under way, or the end of the thread itself, keeps the process from ending. */
  private holdProcess(): void {
    if (this.pending.size > 0 || this.ending) this.worker.ref();
    else this.worker.unref();
  }
}
