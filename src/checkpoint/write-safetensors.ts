/** Writes safetensors files of any size: bytes come from memory, from other files or from a stream, one piece at a time. */

import { readPieces, writeAtomically } from "../files/index.js";
import type { FileHandle } from "node:fs/promises";

import { type DType, dtypes, elementCount, type FileRange } from "../graph/index.js";

import { safetensorsName } from "./safetensors.js";

/** What can be written: a `HostTensor`, a `StoredTensor`, or a type with a stream of little-endian bytes. */
export interface WritableTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView | FileRange | (() => AsyncIterable<Uint8Array>);
}

/**
 * Writes tensors under their names, atomically. Wider element types come first so that each tensor is aligned. Otherwise the order is that
 * of the map, and streams are read one after another in that order.
 * @param options signal: stops between two tensors and leaves no file
 * @throws RangeError when a tensor gives more or fewer bytes than its shape needs
 * @throws InputError when the file cannot be written; `signal.reason` when aborted
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (tensors.has("__metadata__")) throw new RangeError("__metadata__ is the header's own name, not a tensor's");
  const ordered = [...tensors].sort(([, a], [, b]) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes);
  await writeAtomically(path, async (handle) => {
    await writeFully(handle, header(ordered));
    for (const [name, tensor] of ordered) {
      signal?.throwIfAborted();
      await writeTensor(handle, name, tensor);
    }
  });
}

/** Header length (8 bytes) and header, padded with spaces so that the data starts at a multiple of 8. */
function header(tensors: readonly [string, WritableTensor][]): Uint8Array {
  // Python's loaders ask for `format`.
  const fields: [string, unknown][] = [["__metadata__", { format: "pt" }]];
  let offset = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = offset + byteLength(dtype, shape);
    fields.push([name, { dtype: safetensorsName(dtype), shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

async function writeTensor(handle: FileHandle, name: string, { dtype, shape, data }: WritableTensor): Promise<void> {
  const expected = byteLength(dtype, shape);
  let written = 0;
  for await (const piece of pieces(data)) {
    written += piece.length;
    if (written > expected) break;
    await writeFully(handle, piece);
  }
  if (written !== expected) {
    const amount = written > expected ? "more" : `only ${written}`;
    throw new RangeError(`${name}: ${dtype} [${shape.join(", ")}] needs ${expected} bytes, its data gave ${amount}`);
  }
}

function pieces(data: WritableTensor["data"]): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (typeof data === "function") return data();
  if (ArrayBuffer.isView(data)) return [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
  return readPieces(data.path, data);
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    // Node writes at most 2^31 - 1 bytes a call.
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

function byteLength(dtype: DType, shape: readonly number[]): number {
  return elementCount(shape) * dtypes[dtype].bytes;
}
