/** The buffers of one batch, read by ranges; compressed ones are decompressed whole and cached. */

import { decompress as decompressZstd } from "fzstd";

import type { ByteCache } from "../byte-cache.js";
import { maxRatios } from "../compression-ratios.js";
import type { DataFile } from "../open-files.js";
import { damaged, type ArrowMessage } from "./arrow-messages.js";
import type { BufferRange } from "./arrow-schema.js";
import { decompressLz4Frame } from "./lz4-frame.js";

/** The limit of 32-bit offsets. Larger buffers come from huge batches, or from files made to exhaust memory. */
const maxBufferBytes = 2 ** 31 - 1;

export type BufferCache = ByteCache<Uint8Array<ArrayBuffer>>;

/** A buffer as if it were not compressed. */
export interface OpenBuffer {
  readonly length: number;
  /** Whether reading a part reads all of it. */
  readonly isCompressed: boolean;
  /** @throws InputError if the range is outside of the buffer */
  readonly read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;
}

export class ArrowBody {
  readonly file: DataFile;
  readonly #message: ArrowMessage;
  readonly #cache: BufferCache;
  readonly #open = new Map<number, Promise<OpenBuffer>>();

  constructor(file: DataFile, message: ArrowMessage, cache: BufferCache) {
    this.file = file;
    this.#message = message;
    this.#cache = cache;
  }

  /** The buffer of this number in the batch. */
  buffer(index: number): Promise<OpenBuffer> {
    let open = this.#open.get(index);
    if (open === undefined) this.#open.set(index, (open = this.#openBuffer(this.#message.batch.buffers[index]!)));
    return open;
  }

  async #openBuffer({ offset, length }: BufferRange): Promise<OpenBuffer> {
    const start = this.#message.body + offset;
    const { codec } = this.#message.batch;
    if (codec === undefined || length === 0) return this.#plain(start, length);
    if (length < 8) throw damaged(this.file.name, "the length of a compressed buffer", `${length} bytes`);
    const prefix = await this.file.read(start, 8);
    const size = Number(new DataView(prefix.buffer).getBigInt64(0, true));
    // -1 marks a buffer that compression would have made longer.
    if (size === -1) return this.#plain(start + 8, length - 8);
    if (size > maxRatios[codec] * length) {
      throw damaged(this.file.name, `a buffer that ${codec} compressed to ${length} bytes`, `one of ${size} bytes`);
    }
    if (size < 0 || size > maxBufferBytes) {
      const expected = `a compressed buffer of at most ${maxBufferBytes} bytes`;
      throw damaged(
        this.file.name,
        expected,
        `one of ${size} (write the file without compression, or in smaller batches)`,
      );
    }
    const whole = () =>
      this.#cache.get(`${this.file.name}\0${start}`, async () => {
        const input = await this.file.read(start + 8, length - 8);
        return decompressed(this.file.name, codec, input, size);
      });
    const read = async (from: number, count: number) => {
      this.#check(from, count, size);
      return (await whole()).slice(from, from + count);
    };
    return { length: size, isCompressed: true, read };
  }

  #plain(start: number, length: number): OpenBuffer {
    const read = (from: number, count: number) => {
      this.#check(from, count, length);
      return this.file.read(start + from, count);
    };
    return { length, isCompressed: false, read };
  }

  #check(from: number, count: number, length: number): void {
    if (from >= 0 && count >= 0 && from + count <= length) return;
    throw damaged(this.file.name, `bytes ${from} to ${from + count} of a buffer`, `a buffer of ${length} bytes`);
  }
}

function decompressed(where: string, codec: "lz4" | "zstd", input: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(size);
  try {
    // Does not write past the end of its output.
    if (codec === "zstd") decompressZstd(input, output);
    else decompressLz4Frame(input, output);
    return output;
  } catch (error) {
    throw damaged(where, `a buffer that ${codec} decompresses to ${size} bytes`, "other bytes", error);
  }
}
