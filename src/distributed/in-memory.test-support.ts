/** Ranks of one process, for tests of code that uses a collective. */
import type { Collective } from "./collective.js";
import { RankCollective, type Transport } from "./rank-collective.js";

export function ranksInMemory(size: number): Collective[] {
  const meeting = new Meeting(size);
  return Array.from({ length: size }, (_, rank) => new RankCollective(new InMemory(rank, size, meeting), size));
}

/** Every rank brings a value; when all have, each gets all of them. */
class Meeting {
  private readonly values = new Map<number, unknown>();
  private waiting: { resolve: (all: unknown[]) => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly size: number) {}

  exchange<T>(rank: number, value: T): Promise<T[]> {
    this.values.set(rank, value);
    return new Promise((resolve, reject) => {
      // All ranks bring the same kind of value.
      this.waiting.push({ resolve: resolve as (all: unknown[]) => void, reject });
      if (this.values.size < this.size) return;
      const all = Array.from({ length: this.size }, (_, from) => this.values.get(from));
      this.values.clear();
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

  meet(header: Uint8Array): Promise<Uint8Array[]> {
    return this.meeting.exchange(this.rank, header);
  }

  async sum(array: Float32Array): Promise<void> {
    const all = await this.meeting.exchange(this.rank, array.slice());
    const sums = new Float64Array(array.length);
    for (const other of all) for (let i = 0; i < sums.length; i++) sums[i]! += other[i]!;
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
