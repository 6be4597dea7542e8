/** Ranks that mpirun started, over MPI. mpirun ends all of them when one dies or aborts. */
import { InputError } from "../../errors.js";
import type { Transport } from "../transport.js";
import type { Mpi } from "./mpi-library.js";

/** Counts in MPI are 32-bit numbers with a sign. */
const maxElements = 2 ** 30;

export class MpiTransport implements Transport {
  /**
   * @param rank as the launcher says, and
   * @param size likewise
   * @throws InputError when the library was started by another mpirun than its own
   */
  constructor(
    private readonly mpi: Mpi,
    readonly rank: number,
    readonly size: number,
  ) {
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

  async sum(array: Float32Array): Promise<void> {
    for (let start = 0; start < array.length; start += maxElements) {
      await this.mpi.sum(array.subarray(start, start + maxElements));
    }
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const gathered: Uint8Array[] = [];
    for (let root = 0; root < this.size; root++) {
      const length = new Uint8Array(8);
      if (root === this.rank) new DataView(length.buffer).setFloat64(0, bytes.length);
      await this.mpi.broadcast(length, root);
      const theirs = root === this.rank ? bytes : new Uint8Array(new DataView(length.buffer).getFloat64(0));
      for (let start = 0; start < theirs.length; start += maxElements) {
        await this.mpi.broadcast(theirs.subarray(start, start + maxElements), root);
      }
      gathered.push(theirs);
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
