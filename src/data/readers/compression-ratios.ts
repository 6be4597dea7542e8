/**
 * Bytes of content for one compressed byte at most. Content is decompressed into memory of the length that the file names, and a few bytes
 * must not allocate gigabytes.
 */
export const maxRatios = {
  /** A byte adds up to 255 to a length. */
  lz4: 255,
  /** A copy of up to 64 bytes takes three, or two for up to 11. */
  snappy: 32,
  /** A block of up to 128 KiB, all of one byte, takes four. */
  zstd: 2 ** 15,
} as const;
