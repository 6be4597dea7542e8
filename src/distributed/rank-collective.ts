/** The collective over any transport: small arrays travel together, calls come one after another, and a failure stays. */
import type { Collective } from "./collective.js";
import type { Transport } from "./transport.js";

/** Arrays up to this length are summed together, as each sum costs a wait for all ranks: 128 KiB. */
const smallLength = 32_768;
/** Of those summed together: 4 MiB. */
const bucketLength = 1_048_576;

export class RankCollective implements Collective {
  readonly rank: number;
  readonly size: number;
  private busy = false;
  /** Why nothing more is exchanged. */
  private over: Error | undefined;

  constructor(private readonly transport: Transport) {
    this.rank = transport.rank;
    this.size = transport.size;
  }

  sum(arrays: readonly Float32Array[]): Promise<void> {
    return this.exchange(async () => {
      const small = arrays.filter(({ length }) => length > 0 && length <= smallLength);
      for (const bucket of buckets(small)) await this.sumBucket(bucket);
      for (const array of arrays) if (array.length > smallLength) await this.transport.sum(array);
    });
  }

  gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.exchange(() => this.transport.gather(bytes));
  }

  async close(): Promise<void> {
    await this.exchange(() => this.transport.close());
    this.over = new Error("the ranks have left each other");
  }

  async abort(reason: string): Promise<void> {
    this.over ??= new Error(`the ranks were ended: ${reason}`);
    await this.transport.abort(reason);
  }

  private async exchange<T>(call: () => Promise<T>): Promise<T> {
    if (this.over !== undefined) throw this.over;
    if (this.busy) throw new Error("ranks exchange one thing at a time: wait for the call under way");
    this.busy = true;
    try {
      return await call();
    } catch (error) {
      this.over ??= error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      this.busy = false;
    }
  }

  private async sumBucket(arrays: readonly Float32Array[]): Promise<void> {
    const joined = new Float32Array(lengthOf(arrays));
    let start = 0;
    for (const array of arrays) {
      joined.set(array, start);
      start += array.length;
    }
    await this.transport.sum(joined);
    start = 0;
    for (const array of arrays) {
      array.set(joined.subarray(start, start + array.length));
      start += array.length;
    }
  }
}

function buckets(arrays: readonly Float32Array[]): Float32Array[][] {
  const found: Float32Array[][] = [];
  let filled = bucketLength;
  for (const array of arrays) {
    if (filled + array.length > bucketLength) {
      found.push([]);
      filled = 0;
    }
    found.at(-1)!.push(array);
    filled += array.length;
  }
  return found;
}

const lengthOf = (arrays: readonly Float32Array[]) => arrays.reduce((total, { length }) => total + length, 0);
