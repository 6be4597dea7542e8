/**
 * The collective over any transport. Each call starts with a header of fixed length from every rank with the label of the exchange. Ranks
 * wait for each other there, and different calls are an error on all of them. Small arrays are summed together.
 */
import { InputError } from "../errors.js";
import type { Collective } from "./collective.js";

/** How ranks reach each other. One call at a time; every rank makes the same calls. */
export interface Transport {
  readonly rank: number;
  readonly size: number;
  /** The header of every rank, in order of rank. Waits for the last rank without a limit and without keeping a core busy. */
  meet(header: Uint8Array): Promise<Uint8Array[]>;
  /** Sum over all ranks, in place, with the same bits everywhere. All ranks have met and have the same length. */
  sum(array: Float32Array): Promise<void>;
  /** @param lengths bytes of every rank, in order of rank */
  gather(bytes: Uint8Array, lengths: readonly number[]): Promise<Uint8Array[]>;
  close(): Promise<void>;
  abort(reason: string): Promise<void>;
}

/** Arrays up to this length are summed together, because each sum costs a round trip: 128 KiB. */
const smallLength = 32_768;
/** Values of arrays that are summed together: 4 MiB. */
const bucketLength = 1_048_576;

export class RankCollective implements Collective {
  readonly rank: number;
  readonly size: number;
  private busy = false;
  /** The reason why the collective is closed. */
  private ended: Error | undefined;

  constructor(
    private readonly transport: Transport,
    readonly localSize: number,
  ) {
    this.rank = transport.rank;
    this.size = transport.size;
  }

  sum(arrays: readonly Float32Array[], label: string): Promise<void> {
    return this.exchange({ kind: "sum", label, length: lengthOf(arrays) }, async () => {
      const small = arrays.filter(({ length }) => length > 0 && length <= smallLength);
      for (const bucket of buckets(small)) await this.sumBucket(bucket);
      for (const array of arrays) if (array.length > smallLength) await this.transport.sum(array);
    });
  }

  gather(bytes: Uint8Array, label: string): Promise<Uint8Array[]> {
    return this.exchange({ kind: "gather", label, length: bytes.length }, (headers) =>
      this.transport.gather(
        bytes,
        headers.map(({ length }) => length),
      ),
    );
  }

  async close(): Promise<void> {
    await this.exchange({ kind: "close", label: "end of the run", length: 0 }, () => this.transport.close());
    this.ended = new Error("the ranks have left each other");
  }

  async abort(reason: string): Promise<void> {
    this.ended ??= new Error(`the ranks were ended: ${reason}`);
    await this.transport.abort(reason);
  }

  private async exchange<T>(header: Header, call: (headers: readonly Header[]) => Promise<T>): Promise<T> {
    if (this.ended !== undefined) throw this.ended;
    if (this.busy) throw new Error("ranks exchange one thing at a time: wait for the pending call");
    this.busy = true;
    try {
      const headers = (await this.transport.meet(encodeHeader(header))).map(decodeHeader);
      checkHeaders(headers);
      return await call(headers);
    } catch (error) {
      // After different calls the ranks are still synchronous. After a failure of the transport, the collective is closed.
      if (!(error instanceof InputError)) this.ended ??= error instanceof Error ? error : new Error(String(error));
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

const kinds = ["sum", "gather", "close"] as const;

interface Header {
  readonly kind: (typeof kinds)[number];
  readonly label: string;
  /** Of a sum the values, of a gather the bytes of this rank. */
  readonly length: number;
}

const headerBytes = 256;
/** Kind, length of the label, length. */
const labelOffset = 16;

function encodeHeader({ kind, label, length }: Header): Uint8Array {
  const header = Buffer.from(new ArrayBuffer(headerBytes));
  header.writeUInt8(kinds.indexOf(kind), 0);
  header.writeUInt8(header.write(label, labelOffset), 1);
  header.writeDoubleLE(length, 8);
  return header;
}

function decodeHeader(bytes: Uint8Array): Header {
  const header = Buffer.from(bytes);
  return {
    // Written by `encodeHeader` of another rank.
    kind: kinds[header.readUInt8(0)]!,
    label: header.toString("utf8", labelOffset, labelOffset + header.readUInt8(1)),
    length: header.readDoubleLE(8),
  };
}

/** @throws InputError, the same on every rank, for the first rank whose call is not that of rank 0 */
function checkHeaders(headers: readonly Header[]): void {
  const [first] = headers.map(described);
  for (const [rank, header] of headers.entries()) {
    const found = described(header);
    if (found === first) continue;
    throw new InputError({
      code: "rank-failure",
      where: `rank ${rank}`,
      expected: `to exchange the ${first}, as rank 0 does`,
      found: `the ${found}`,
      hint: "Start all ranks with the same command, files and settings",
    });
  }
}

const described = ({ kind, label, length }: Header): string =>
  kind === "sum" ? `${label} (sum of ${length} values)` : `${label} (${kind})`;

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
