/** Threads that decode and transform images while the model is busy with earlier ones. */
import { WorkerThread } from "../../threads/index.js";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { InputError } from "../../errors.js";
import { HostTensor } from "../../graph/index.js";
import type { Label } from "../../random/index.js";

import type { ImageSource } from "../dataset.js";
import type { Transform } from "../transforms/transform-image.js";
import type { ImageAnswer, ImageCall, ImageReply } from "./prepare-image.js";

export interface ImageJob {
  readonly source: ImageSource;
  readonly transform: Transform;
  /** The transform draws from `new Random(seed).at(...labels)`. */
  readonly seed: number;
  readonly labels: readonly Label[];
}

export interface ImageThreadsOptions {
  /** Default: half of `cores`, at least 1 and at most 8; the others are the model's. */
  readonly threads?: number;
  /** Cores that this process may use. Default: those that the system gives it. */
  readonly cores?: number | undefined;
  /** The file that the threads run. Tests give another. */
  readonly worker?: URL;
}

/** One is decoded, which happens outside JavaScript, while another is transformed. */
const jobsPerThread = 2;
const maxThreads = 8;

type Thread = WorkerThread<ImageCall, ImageReply>;

/** The place of a thread, which is started with its first image and again after it died. */
interface Slot {
  thread: Thread | undefined;
  jobs: number;
}

/** Results depend on the jobs alone, not on the number of threads nor on the order in which images come and go. */
export class ImageThreads {
  private readonly slots: readonly Slot[];
  private readonly worker: URL;
  /** Jobs that wait for a place, in the order in which they came. */
  private readonly waiting: { readonly admit: (slot: Slot) => void; readonly refuse: (why: Error) => void }[] = [];
  private readonly living = new Set<Thread>();
  /** The last of the second attempts, which happen one after the other. */
  private lastRetry: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(options: ImageThreadsOptions = {}) {
    const { cores = availableParallelism() } = options;
    const { threads = Math.min(maxThreads, Math.max(1, Math.floor(cores / 2))) } = options;
    if (!Number.isInteger(threads) || threads < 1) {
      throw new InputError({
        code: "invalid-argument",
        where: "threads",
        expected: "a whole number from 1 on",
        found: String(threads),
      });
    }
    this.slots = Array.from({ length: threads }, () => ({ thread: undefined, jobs: 0 }));
    this.worker = options.worker ?? new URL("./image-worker.js", import.meta.url);
  }

  /**
   * Reads, decodes and transforms one image. Call it ahead, for as many images as results may be held: bytes are
   * read when a thread has room.
   *
   * A thread that dies takes nothing with it but its images of that moment; each of them is tried once more, alone in a
   * thread of its own, so that none is blamed for another.
   * @returns [3, height, width]
   * @throws InputError an image that cannot be read, decoded or transformed, or that ended two threads; the threads live on
   */
  async process(job: ImageJob): Promise<HostTensor<"float32">> {
    const slot = await this.freeSlot();
    let answer: ImageAnswer | undefined;
    try {
      answer = await this.attempt(job, slot);
    } finally {
      this.leave(slot);
    }
    return tensorOf(answer ?? (await this.retry(job)), job.source.name);
  }

  /** Ends the threads; images under way and waiting fail. */
  async dispose(): Promise<void> {
    this.disposed = true;
    const why = disposedError();
    for (const { refuse } of this.waiting.splice(0)) refuse(why);
    await Promise.all([...this.living].map((thread) => thread.end(why)));
  }

  private freeSlot(): Promise<Slot> {
    if (this.disposed) return Promise.reject(disposedError());
    const slot = this.slots.reduce((best, other) => (other.jobs < best.jobs ? other : best));
    if (slot.jobs < jobsPerThread) {
      slot.jobs++;
      return Promise.resolve(slot);
    }
    return new Promise((admit, refuse) => this.waiting.push({ admit, refuse }));
  }

  /** Hands the place to the next job that waits. */
  private leave(slot: Slot): void {
    const next = this.waiting.shift();
    if (next === undefined) slot.jobs--;
    else next.admit(slot);
  }

  /** @returns nothing when the thread ended meanwhile */
  private async attempt(job: ImageJob, slot: Slot): Promise<ImageAnswer | undefined> {
    const call = await this.read(job);
    const thread = (slot.thread ??= this.startThread());
    try {
      return await thread.exchange(call, [call.bytes.buffer]);
    } catch {
      this.refuseIfDisposed();
      this.living.delete(thread);
      // Another image of the same thread may have made the place free before.
      if (slot.thread === thread) slot.thread = undefined;
      return undefined;
    }
  }

  private retry(job: ImageJob): Promise<ImageAnswer> {
    const attempt = this.lastRetry.then(() => this.attemptAlone(job));
    this.lastRetry = attempt.catch(() => undefined);
    return attempt;
  }

  private async attemptAlone(job: ImageJob): Promise<ImageAnswer> {
    const call = await this.read(job);
    const thread = this.startThread();
    try {
      return await thread.exchange(call, [call.bytes.buffer]);
    } catch (cause) {
      this.refuseIfDisposed();
      throw deadlyError(job.source.name, cause);
    } finally {
      await thread.end(disposedError());
      this.living.delete(thread);
    }
  }

  private async read({ source, transform, seed, labels }: ImageJob) {
    // Copied, as what is moved to a thread is lost here, and the bytes may be a part of a larger array.
    const bytes = new Uint8Array(await source.read());
    this.refuseIfDisposed();
    return { call: "prepare", name: source.name, bytes, transform, seed, labels } as const;
  }

  private startThread(): Thread {
    const worker = new Worker(this.worker, { execArgv: [] });
    const thread: Thread = new WorkerThread(worker, "a thread that prepares images");
    this.living.add(thread);
    return thread;
  }

  private refuseIfDisposed(): void {
    if (this.disposed) throw disposedError();
  }
}

function tensorOf(answer: ImageAnswer, name: string): HostTensor<"float32"> {
  if ("problem" in answer) throw new InputError(answer.problem);
  if ("error" in answer) throw new Error(`${name}: ${answer.error}`);
  return new HostTensor("float32", answer.shape, answer.values);
}

function deadlyError(where: string, cause: unknown): InputError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const expected = "an image that can be decoded and transformed";
  const found = `one over which two threads ended: ${message}`;
  return new InputError(
    { code: "invalid-image", where, expected, found, hint: "Leave it out, shrink it, or free memory" },
    { cause },
  );
}

function disposedError(): InputError {
  return new InputError({
    code: "disposed",
    where: "images",
    expected: "threads in use",
    found: "threads that were disposed of",
    hint: "Dispose of them later",
  });
}
