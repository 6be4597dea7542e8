/**
 * Untrusted pages of Parquet: decompressed into exactly the length that their header says, and their runs counted before they are decoded.
 * Levels and dictionary indices come in runs (https://parquet.apache.org/docs/file-format/data-pages/encodings/). The decoder writes runs
 * of any length, so five hostile bytes would take 16 GB.
 */

import { brotliDecompressSync, gunzipSync } from "node:zlib";

import { decompress as decompressZstd } from "fzstd";
import type { CompressionCodec } from "hyparquet";
import { decompressLz4, decompressLz4Raw, decompressSnappy } from "hyparquet-compressors";

import { maxRatios } from "../compression-ratios.js";

/** Why a page is invalid. The caller adds file and column. */
export class PageProblem extends Error {
  override readonly name = "PageProblem";
}

/** Bytes. Pages have about a megabyte; some writers put a thousand images into one. */
const maxPage = 2 ** 30;

/** Of the codecs whose decompressors allocate all of a page first. */
const ratios: Readonly<Partial<Record<CompressionCodec, number>>> = {
  SNAPPY: maxRatios.snappy,
  ZSTD: maxRatios.zstd,
  LZ4: maxRatios.lz4,
  LZ4_RAW: maxRatios.lz4,
};

/**
 * @param length uncompressed bytes
 * @throws PageProblem if the length differs, or the codec is not supported
 */
export function decompressPage(codec: CompressionCodec, bytes: Uint8Array, length: number): Uint8Array {
  const ratio = ratios[codec];
  if (length > maxPage) throw new PageProblem(`a page of ${length} bytes`);
  if (ratio !== undefined && length > ratio * bytes.length) {
    throw new PageProblem(`a page of ${length} bytes in ${bytes.length} compressed ones`);
  }
  const page = decompressed(codec, bytes, length);
  if (page.length === length) return page;
  throw new PageProblem(`a page of ${page.length} bytes where its header says ${length}`);
}

function decompressed(codec: CompressionCodec, bytes: Uint8Array, length: number): Uint8Array {
  switch (codec) {
    case "UNCOMPRESSED":
      return bytes;
    case "SNAPPY":
      return length === 0 ? new Uint8Array(0) : decompressSnappy(bytes, length);
    case "GZIP":
      return gunzipSync(bytes, { maxOutputLength: Math.max(1, length) });
    case "BROTLI":
      return brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) });
    case "ZSTD": {
      const output = new Uint8Array(length);
      if (length > 0) decompressZstd(bytes, output);
      return output;
    }
    case "LZ4":
      return decompressLz4(bytes, length);
    case "LZ4_RAW":
      return decompressLz4Raw(bytes, length);
    case "LZO":
    default:
      throw new PageProblem(`pages compressed with ${codec}`);
  }
}

/** Bit-packed runs are padded to groups of this many values. */
const group = 8;

/**
 * Checks runs of values of `width` bits in bytes `start` to `end`, until there are `count`.
 * @throws PageProblem if a run is longer than the remaining values
 */
export function checkRuns(bytes: Uint8Array, start: number, end: number, width: number, count: number): void {
  let position = start;
  let left = count;
  while (left > 0) {
    const [header, next] = varint(bytes, position, end);
    const isPacked = (header & 1) === 1;
    const length = isPacked ? (header >>> 1) * group : header >>> 1;
    position = next + (isPacked ? (header >>> 1) * width : Math.ceil(width / 8));
    if (length >= left + group) throw new PageProblem(`a run of ${length} values where ${left} are left`);
    if (length === 0 && position >= end) throw new PageProblem(`${left} values fewer than it says`);
    left -= length;
  }
}

function varint(bytes: Uint8Array, start: number, end: number): [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = start + i < end ? bytes[start + i] : undefined;
    if (byte === undefined) throw new PageProblem("a run that ends too early");
    value = (value | ((byte & 0x7f) << (7 * i))) >>> 0;
    if (byte < 0x80) return [value, start + i + 1];
  }
  throw new PageProblem("a run without length");
}
