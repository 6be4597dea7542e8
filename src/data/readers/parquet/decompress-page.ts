/** Pages of Parquet as they were before compression, into memory of the length that their header says and not a byte more. */

import { brotliDecompressSync, gunzipSync } from "node:zlib";

import { decompress as decompressZstd } from "fzstd";
import type { CompressionCodec } from "hyparquet";
import { decompressLz4, decompressLz4Raw, decompressSnappy } from "hyparquet-compressors";

import { PageProblem } from "./parquet-runs.js";

/** Bytes. Pages are about a megabyte; some writers put a thousand images into one. */
export const maxPage = 2 ** 30;

/**
 * @param length bytes that the page takes uncompressed
 * @throws PageProblem when it takes another length, or the codec is none that is read
 */
export function decompressPage(codec: CompressionCodec, bytes: Uint8Array, length: number): Uint8Array {
  if (length > maxPage) throw new PageProblem(`a page of ${length} bytes`);
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
