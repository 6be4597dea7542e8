/** Ranks that mpirun or srun started, over MPI. The launcher ends all of them when one dies or aborts. */
import { InputError } from "../../errors.js";
import type { LaunchVariables } from "../launch.js";
import type { Transport } from "../rank-collective.js";
import type { Mpi } from "./mpi-library.js";

/** Counts in MPI are 32-bit numbers with a sign. */
const maxElements = 2 ** 30;

export class MpiTransport implements Transport {
  readonly rank: number;
  readonly size: number;

  /** @throws InputError when the launcher belongs to another library */
  constructor(
    private readonly mpi: Mpi,
    { rank, size }: LaunchVariables,
  ) {
    this.rank = rank;
    this.size = size;
    const found = mpi.initialize();
    if (found.rank === rank && found.size === size) return;
    throw new InputError({
      code: "runtime-failed",
      where: mpi.version,
      expected: `rank ${rank} of ${size}, as the launcher's variables say`,
      found: `rank ${found.rank} of ${found.size}`,
      hint: "Use the mpirun that belongs to this libmpi",
    });
  }

  async meet(header: Uint8Array): Promise<Uint8Array[]> {
    const own = new Uint8Array(new ArrayBuffer(header.length));
    own.set(header);
    const all = new Uint8Array(new ArrayBuffer(header.length * this.size));
    await poll(this.mpi.startGather(own, all));
    return Array.from({ length: this.size }, (_, rank) => all.subarray(rank * own.length, (rank + 1) * own.length));
  }

  async sum(array: Float32Array): Promise<void> {
    for (let start = 0; start < array.length; start += maxElements) {
      await this.mpi.sum(array.subarray(start, start + maxElements));
    }
  }

  async gather(bytes: Uint8Array, lengths: readonly number[]): Promise<Uint8Array[]> {
    const gathered = lengths.map((length, rank) => (rank === this.rank ? bytes : new Uint8Array(length)));
    for (const [root, part] of gathered.entries()) {
      for (let start = 0; start < part.length; start += maxElements) {
        await this.mpi.broadcast(part.subarray(start, start + maxElements), root);
      }
    }
    return gathered;
  }

  close(): Promise<void> {
    this.mpi.finalize();
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.mpi.abort();
    return Promise.resolve();
  }
}

/** Milliseconds. */
const busyWait = 1;
const maxPause = 20;

/**
 * Calls `isDone` until it is true. MPI's own blocking calls keep a core busy while they wait, for as long as another rank saves, compiles or
 * validates. The pauses are a tenth of the time waited so far, at most 20 ms: a short wait ends at once, a long one costs no load.
 */
async function poll(isDone: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!isDone()) {
    const waited = performance.now() - begun;
    await new Promise((resolve) => {
      if (waited < busyWait) setImmediate(resolve);
      else setTimeout(resolve, Math.min(maxPause, waited / 10));
    });
  }
}
