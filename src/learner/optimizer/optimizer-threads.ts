/** The threads of the optimizer: parameters are partitioned over them, and their arrays are transferred there and back. */
import { Worker } from "node:worker_threads";
import { InputError } from "../../errors.js";
import { WorkerThread } from "../../threads/index.js";
import type { Call, Reply, TransferableArray, TransferredArrays } from "./optimizer-messages.js";

export class OptimizerThread {
  private readonly thread = new WorkerThread<Call, Reply>(
    new Worker(new URL("./optimizer-worker.js", import.meta.url), { execArgv: [] }),
    "a thread of the optimizer",
  );

  /**
   * Transfers the call's arrays to the thread; the reply has them again, also if the call failed there.
   * @throws Error if the thread ends meanwhile: the arrays are lost
   */
  call<C extends Call>(call: C): Promise<Reply<TransferredArrays<C>>> {
    const arrays: readonly Readonly<Record<string, TransferableArray>>[] = call.arrays.map((one) => ({ ...one }));
    const transferList = arrays.flatMap((one) => Object.values(one).map(({ buffer }) => buffer));
    // The thread replies with the arrays of the call.
    return this.thread.exchange(call, transferList);
  }

  /** Ends the thread; a pending call fails, and its arrays are lost. */
  end(): Promise<void> {
    return this.thread.end(new Error("the optimizer was disposed of"));
  }
}

/**
 * Partitions items over workers so that the largest part is small: from the largest item down, each goes to the part with the smallest
 * sum so far (Graham, SIAM J. Appl. Math. 17, 1969). Parts keep the order of the items, and none is empty.
 */
export function partition<T extends { readonly size: number }>(items: readonly T[], workers: number): T[][] {
  if (!Number.isInteger(workers) || workers < 1) {
    const expected = "a whole number, 1 or more";
    throw new InputError({ code: "invalid-setting", where: "threads", expected, found: String(workers) });
  }
  const parts = Array.from({ length: Math.min(workers, items.length) }, () => ({
    size: 0,
    indices: new Array<number>(),
  }));
  const fromLargest = [...items.keys()].sort((a, b) => items[b]!.size - items[a]!.size || a - b);
  for (const index of fromLargest) {
    const smallest = parts.reduce((best, part) => (part.size < best.size ? part : best));
    smallest.size += items[index]!.size;
    smallest.indices.push(index);
  }
  return parts
    .filter(({ indices }) => indices.length > 0)
    .map(({ indices }) => indices.sort((a, b) => a - b).map((index) => items[index]!));
}

/** Calls threads with the arrays of named parameters. */
export class OptimizerThreads<P extends { readonly name: string; readonly size: number }> {
  /** The parameters of each thread. */
  private readonly parts: readonly (readonly P[])[];
  private readonly threads: readonly OptimizerThread[];
  /** The first failure of a call: parameters may be half updated or lost. */
  failure: Error | undefined;

  /** @throws InputError for an invalid number of threads, before any has started */
  constructor(parameters: readonly P[], threads: number) {
    this.parts = partition(parameters, threads);
    this.threads = this.parts.map(() => new OptimizerThread());
  }

  /**
   * Calls all threads, hands the arrays of every reply to `returned`, and only then fails if a call failed.
   * @param callOf   the call for some of the parameters
   * @param returned called with the arrays of a parameter and the sum, if the call asks for one
   * @param lost     called for each parameter whose arrays are lost because its thread died
   * @param concerns which parameters; all by default
   */
  async call<C extends Call>(
    callOf: (part: readonly P[]) => C,
    returned: (name: string, arrays: TransferredArrays<C>, sum: number | undefined) => void,
    lost: (name: string) => void,
    concerns: (parameter: P) => boolean = () => true,
  ): Promise<void> {
    const parts = this.parts.map((part) => part.filter(concerns));
    const calls = parts.map(callOf);
    const replies = await Promise.allSettled(this.threads.map((thread, i) => thread.call(calls[i]!)));
    const failures = replies.flatMap((settled, i): Error[] => {
      const part = parts[i]!;
      if (settled.status === "rejected") {
        for (const { name } of part) lost(name);
        const cause = settled.reason instanceof Error ? settled.reason : new Error(String(settled.reason));
        return [
          new Error(
            `a thread of the optimizer died: ${cause.message}. Lost with it: ${part[0]?.name}, of ${part.length} in all. ` +
              "Resume from the last checkpoint",
            { cause },
          ),
        ];
      }
      const { arrays, sums, error } = settled.value;
      arrays.forEach((one, k) => returned(part[k]!.name, one, sums[k]));
      return error === undefined ? [] : [new Error(`the optimizer failed, values may be half updated: ${error}`)];
    });
    this.failure ??= failures[0];
    if (failures[0] !== undefined) throw failures[0];
  }

  async end(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()));
  }
}

/** The named array, if it can be transferred: it must fill its ArrayBuffer. */
export function transferable(
  arrays: ReadonlyMap<string, Float32Array>,
  name: string,
  kind = "array",
): TransferableArray {
  const array = arrays.get(name);
  if (array === undefined) throw new RangeError(`${kind} of ${name}: is missing`);
  if (!isTransferable(array))
    throw new RangeError(`${kind} of ${name}: is a view that does not fill an ArrayBuffer of its own`);
  return array;
}

/** The array itself, or a copy of a view. */
export const transferableCopy = (array: Float32Array): TransferableArray =>
  isTransferable(array) ? array : Float32Array.from(array);

const isTransferable = (array: Float32Array): array is TransferableArray =>
  array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength;
