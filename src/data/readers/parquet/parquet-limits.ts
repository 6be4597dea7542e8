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

/** Containers inside each other; footers have about ten. */
const maxThriftDepth = 32;

/**
 * Checks one struct of Thrift's compact protocol, as footers and headers of pages are written. The decoder allocates each list with the
 * length that the file names, so nested lists of a few bytes would take any memory.
 * @throws PageProblem if a list or text is longer than the bytes that are left
 */
export function checkThrift(bytes: Uint8Array): void {
  let position = 0;
  const next = (): number => {
    if (position >= bytes.length) throw new PageProblem("a struct that ends too early");
    return bytes[position++]!;
  };
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = next();
      if (shift < 49) value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  /** A length of bytes, or of values that take a byte at least. */
  const length = (value: number): number => {
    if (value > bytes.length - position) throw new PageProblem(`a length of ${value} in a struct`);
    return value;
  };
  const skipValue = (type: number, depth: number): void => {
    if (depth > maxThriftDepth) throw new PageProblem(`structs more than ${maxThriftDepth} deep`);
    if (type === 3) next();
    else if (type >= 4 && type <= 6) number();
    else if (type === 7) position += 8;
    else if (type === 8) {
      const size = length(number());
      position += size;
    } else if (type === 9) {
      const head = next();
      const inside = head & 15;
      // Truth values take a byte in lists and none in fields.
      const count = length(head >> 4 === 15 ? number() : head >> 4);
      for (let i = 0; i < count; i++) skipValue(inside === 1 || inside === 2 ? 3 : inside, depth + 1);
    } else if (type === 12) skipStruct(depth + 1);
    else if (type !== 1 && type !== 2) throw new PageProblem(`a value of the unknown type ${type}`);
  };
  const skipStruct = (depth: number): void => {
    for (let head = next(); (head & 15) !== 0; head = next()) {
      if (head >> 4 === 0) number();
      skipValue(head & 15, depth);
    }
  };
  skipStruct(0);
}
