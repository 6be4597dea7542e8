/** Ranks of one process, for tests of what is built on a collective. */
import type { Collective } from "./collective.js";
import { RankCollective } from "./rank-collective.js";
import type { Transport } from "./transport.js";

export function ranksInMemory(size: number): Collective[] {
  const meeting = new Meeting(size);
  return Array.from({ length: size }, (_, rank) => new RankCollective(new InMemory(rank, size, meeting)));
}

/** Where all ranks lay down something, and when all have, get all of it. */
class Meeting {
  private readonly laidDown = new Map<number, unknown>();
  private waiting: { resolve: (all: unknown[]) => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly size: number) {}

  exchange<T>(rank: number, own: T): Promise<T[]> {
    this.laidDown.set(rank, own);
    return new Promise((resolve, reject) => {
      // All lay down the same kind of thing.
      this.waiting.push({ resolve: resolve as (all: unknown[]) => void, reject });
      if (this.laidDown.size < this.size) return;
      const all = Array.from({ length: this.size }, (_, from) => this.laidDown.get(from));
      this.laidDown.clear();
      for (const waiter of this.waiting.splice(0)) waiter.resolve(all);
    });
  }

  end(reason: string): void {
    for (const waiter of this.waiting.splice(0)) waiter.reject(new Error(reason));
  }
}

class InMemory implements Transport {
  constructor(
    readonly rank: number,
    readonly size: number,
    private readonly meeting: Meeting,
  ) {}

  async sum(array: Float32Array): Promise<void> {
    const all = await this.meeting.exchange(this.rank, array.slice());
    const sums = new Float64Array(array.length);
    for (const theirs of all) for (let i = 0; i < sums.length; i++) sums[i]! += theirs[i]!;
    array.set(sums);
  }

  gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.meeting.exchange(this.rank, bytes);
  }

  async close(): Promise<void> {
    await this.meeting.exchange(this.rank, undefined);
  }

  abort(reason: string): Promise<void> {
    this.meeting.end(reason);
    return Promise.resolve();
  }
}
