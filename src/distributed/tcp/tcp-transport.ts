/**
 * Ranks that are connected each with each. A sum is cut into as many parts as there are ranks: everybody sends each part to the rank
 * whose it is, which adds up in order of rank and sends the result to all. Each rank sends (size - 1) / size of the array twice.
 */
import type { Transport } from "../transport.js";
import type { Channel } from "./channel.js";
import { abortBytes, ownAbort, RankFailure, rankFailure } from "./rank-failure.js";

/** What is summed at a time, 4 MiB: bounds what is received before it is added. */
const blockLength = 1_048_576;
/** What a frame can say, and more than anybody gathers. */
const maxGatheredBytes = 2 ** 32 - 1;
const nothing = new Uint8Array();

export class TcpTransport implements Transport {
  private failure: RankFailure | undefined;
  /** What other ranks have in this one's part of a block, and their sum with its own. */
  private readonly theirs: ReadonlyMap<number, Float32Array>;
  private readonly sums: Float64Array;

  /** @param channels to all other ranks */
  constructor(
    readonly rank: number,
    readonly size: number,
    private readonly channels: ReadonlyMap<number, Channel>,
  ) {
    const length = Math.ceil(blockLength / size);
    this.theirs = new Map([...channels.keys()].map((peer) => [peer, new Float32Array(length)]));
    this.sums = new Float64Array(length);
  }

  async sum(array: Float32Array): Promise<void> {
    for (let start = 0; start < array.length; start += blockLength) {
      await this.sumBlock(array.subarray(start, start + blockLength));
    }
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const gathered = Array.from({ length: this.size }, () => bytes);
    await this.exchange(
      (channel) => channel.send("gather", bytes),
      async (channel, peer) => {
        gathered[peer] = await channel.receive("gather", maxGatheredBytes);
      },
    );
    return gathered;
  }

  async close(): Promise<void> {
    await this.exchange(
      (channel) => channel.send("farewell", nothing),
      (channel) => channel.receiveInto("farewell", nothing),
    );
    await this.endAll();
  }

  async abort(reason: string): Promise<void> {
    // Where another rank was the first to fail, all hear of that one.
    const bytes = abortBytes(this.failure?.abort ?? ownAbort(this.rank, reason));
    for (const channel of this.channels.values()) channel.send("abort", bytes).catch(() => undefined);
    await this.endAll();
  }

  private async sumBlock(block: Float32Array): Promise<void> {
    const part = (rank: number) =>
      block.subarray(
        Math.floor((block.length * rank) / this.size),
        Math.floor((block.length * (rank + 1)) / this.size),
      );
    const own = part(this.rank);
    const theirs = (peer: number) => this.theirs.get(peer)?.subarray(0, own.length);
    await this.exchange(
      (channel, peer) => channel.send("sum", bytesOf(part(peer))),
      (channel, peer) => channel.receiveInto("sum", bytesOf(theirs(peer)!)),
    );
    // In float64 and in order of rank, rounded once.
    const sums = this.sums.subarray(0, own.length).fill(0);
    for (let rank = 0; rank < this.size; rank++) addInto(sums, theirs(rank) ?? own);
    own.set(sums);
    await this.exchange(
      (channel) => channel.send("sum", bytesOf(own)),
      (channel, peer) => channel.receiveInto("sum", bytesOf(part(peer))),
    );
  }

  /** To all and from all at once. */
  private async exchange(
    send: (channel: Channel, peer: number) => Promise<void>,
    receive: (channel: Channel, peer: number) => Promise<void>,
  ): Promise<void> {
    const withPeers = (call: typeof send) =>
      Promise.all(
        [...this.channels].map(([peer, channel]) =>
          call(channel, peer).catch((error: unknown) => {
            throw rankFailure(peer, error);
          }),
        ),
      );
    const sent = withPeers(send);
    // What cannot be sent has a reason, which the other end may have told.
    sent.catch(() => undefined);
    try {
      await withPeers(receive);
      await sent;
    } catch (error) {
      if (error instanceof RankFailure) this.failure ??= error;
      throw error;
    }
  }

  private async endAll(): Promise<void> {
    await Promise.all([...this.channels.values()].map((channel) => channel.end()));
  }
}

function addInto(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
