/** Worker threads that decode and transform images while the model computes with earlier ones. */
import { onAbort, WorkerThread } from "../../threads/index.js";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import {
  checkArgument,
  checkOptions,
  instanceOf,
  objectType,
  signalType,
  wholeNumber,
  type OptionTypes,
} from "../../arguments.js";
import { InputError } from "../../errors.js";
import { Uint8Pixels } from "../../processing/index.js";
import type { Label } from "../../random/index.js";

import { readSource, sourceType, type ImageSource } from "../dataset.js";
import { levelValues, type Transform } from "../transforms/transform-image.js";
import type { ImageAnswer, ImageCall, ImageReply } from "./prepare-image.js";

/** One image to decode and transform. */
export interface ImageJob {
  readonly source: ImageSource;
  readonly transform: Transform;
  /** Random transforms sample from the stream with this seed and these labels, such as epoch and image. */
  readonly seed: number;
  readonly labels: readonly Label[];
}

/** Options of `ImageThreads`. */
export interface ImageThreadsOptions {
  /** Number of threads. Default: half of `cores`, at least 1 and at most 8. The model uses the others. */
  readonly threads?: number;
  /** Cores that this process may use. Default: those that the system gives it. */
  readonly cores?: number | undefined;
  /** The file that the threads run, for tests. @internal */
  readonly worker?: URL;
}

const threadsOptions: OptionTypes<ImageThreadsOptions> = {
  threads: wholeNumber(1),
  cores: wholeNumber(1),
  worker: instanceOf(URL),
};

/** One is decoded outside of JavaScript while another is transformed. */
const jobsPerThread = 2;
const maxThreads = 8;

type Thread = WorkerThread<ImageCall, ImageReply>;

/** The place of one thread. The thread starts with its first image, and again if it ended. */
interface Slot {
  thread: Thread | undefined;
  jobs: number;
}

interface Waiting {
  readonly start: (slot: Slot) => void;
  readonly fail: (reason: Error) => void;
}

/**
 * Decodes and transforms images in worker threads. The results depend only on the jobs, not on the number of threads or the order.
 * @example
 * await using threads = new ImageThreads({ threads: 1 });
 * await using dataset = await openDataset("examples/images");
 * const transform = { key: "blip", image_size: 96 } as const;
 * const [source] = dataset.images(0);
 * const pixels = await threads.process({ source: source!, transform, seed: 0, labels: [] });
 * console.log(pixels.shape); // [ 3, 96, 96 ]
 */
export class ImageThreads implements AsyncDisposable {
  private readonly slots: readonly Slot[];
  private readonly worker: URL;
  /** Jobs that wait for a slot, first in, first out. */
  private waiting: Waiting[] = [];
  private readonly living = new Set<Thread>();
  /** The last of the second attempts, which run one at a time. */
  private lastRetry: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(options: ImageThreadsOptions = {}) {
    checkOptions("ImageThreads", options, threadsOptions);
    const { cores = availableParallelism() } = options;
    const { threads = Math.min(maxThreads, Math.max(1, Math.floor(cores / 2))) } = options;
    this.slots = Array.from({ length: threads }, () => ({ thread: undefined, jobs: 0 }));
    this.worker = options.worker ?? new URL("./image-worker.js", import.meta.url);
  }

  /**
   * Reads, decodes and transforms one image. Call it for several images at once to prefetch them: bytes are read when a thread has room.
   *
   * If a thread ends unexpectedly, each of its current images is tried once more, alone in a new thread, so that one bad image does not
   * fail others.
   * @param options.signal rejects with `signal.reason`. An image that is being decoded is finished in its thread, and its result dropped
   * @returns [3, image_size, image_size]; `normalised()` gives the values that the model sees
   * @throws InputError if the image cannot be read, decoded or transformed, or if it ended two threads. The other images are not affected
   */
  async process(job: ImageJob, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Uint8Pixels> {
    checkArgument("job", job, objectType);
    checkArgument("job.source", job.source, sourceType);
    checkOptions("process", options, { signal: signalType });
    const { signal } = options;
    signal?.throwIfAborted();
    const slot = await this.freeSlot(signal);
    let answer: ImageAnswer | undefined;
    try {
      answer = await this.attempt(job, slot);
    } finally {
      this.releaseSlot(slot);
    }
    signal?.throwIfAborted();
    answer ??= await this.retry(job);
    signal?.throwIfAborted();
    return pixelsOf(answer, job);
  }

  /** Ends the threads. Current and waiting images are rejected with an InputError `disposed`. */
  async dispose(): Promise<void> {
    this.disposed = true;
    const reason = disposedError();
    for (const { fail } of this.waiting.splice(0)) fail(reason);
    await Promise.all([...this.living].map((thread) => thread.end(reason)));
  }

  /** `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private freeSlot(signal: AbortSignal | undefined): Promise<Slot> {
    if (this.disposed) return Promise.reject(disposedError());
    const slot = this.slots.reduce((best, other) => (other.jobs < best.jobs ? other : best));
    if (slot.jobs < jobsPerThread) {
      slot.jobs++;
      return Promise.resolve(slot);
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting = this.waiting.filter((other) => other !== waiting);
        waiting.fail(signal?.reason as Error);
      };
      const remove = signal && onAbort(signal, leave);
      const waiting: Waiting = {
        start: (free) => {
          remove?.();
          resolve(free);
        },
        fail: (reason) => {
          remove?.();
          reject(reason);
        },
      };
      this.waiting.push(waiting);
    });
  }

  /** Gives the slot to the next waiting job. */
  private releaseSlot(slot: Slot): void {
    const next = this.waiting.shift();
    if (next === undefined) slot.jobs--;
    else next.start(slot);
  }

  /** @returns undefined if the thread ended before it answered */
  private async attempt(job: ImageJob, slot: Slot): Promise<ImageAnswer | undefined> {
    const call = await this.read(job);
    const thread = (slot.thread ??= this.startThread());
    try {
      return await thread.exchange(call, [call.bytes.buffer]);
    } catch (cause) {
      this.refuseIfDisposed();
      if (!thread.hasEnded) throw unsentError(job.source.name, cause);
      this.living.delete(thread);
      // Another image of the same thread may have cleared it before.
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
      if (!thread.hasEnded) throw unsentError(job.source.name, cause);
      throw deadlyError(job.source.name, cause);
    } finally {
      await thread.end(disposedError());
      this.living.delete(thread);
    }
  }

  private async read({ source, transform, seed, labels }: ImageJob) {
    // Copied, because transferred memory is lost here, and the bytes may be a part of a larger array.
    const bytes = new Uint8Array(await readSource(source));
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

function pixelsOf(answer: ImageAnswer, { source, transform }: ImageJob): Uint8Pixels {
  if ("problem" in answer) throw new InputError(answer.problem);
  if ("error" in answer) throw new Error(`${source.name}: ${answer.error}`);
  return new Uint8Pixels(answer.shape, answer.levels, levelValues(transform));
}

/** The job has a value that no thread can get, such as a function in its transform. The image may be fine. */
const unsentError = (name: string, cause: unknown): Error =>
  new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });

function deadlyError(where: string, cause: unknown): InputError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const expected = "an image that can be decoded and transformed";
  const found = `an image that crashed two threads: ${message}`;
  return new InputError(
    { code: "invalid-image", where, expected, found, hint: "Leave it out, shrink it, or free memory" },
    { cause },
  );
}

function disposedError(): InputError {
  return new InputError({
    code: "disposed",
    where: "images",
    expected: "open image threads",
    found: "threads that were disposed of",
    hint: "Call dispose() after the last image",
  });
}
