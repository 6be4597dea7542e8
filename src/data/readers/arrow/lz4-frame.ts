/** The LZ4 frame format, without checksums and dictionaries: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */

const magic = 0x184d2204;
const version = 0x40;
/** Bits of the byte after the magic number. */
const flag = { version: 0xc0, blockChecksum: 0x10, contentSize: 0x08, dictionary: 0x01 };
const uncompressed = 0x80000000;
const minMatch = 4;

/**
 * Decompresses one frame. Blocks may copy from blocks before them, as Arrow C++ writes them.
 * @param output as long as the content
 * @throws RangeError if the frame is damaged, or its content has another length
 */
export function decompressLz4Frame(input: Uint8Array, output: Uint8Array): void {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  const flags = view.getUint8(4);
  const isKnown = view.getUint32(0, true) === magic && (flags & flag.version) === version;
  if (!isKnown || (flags & flag.dictionary) !== 0) throw new RangeError("another kind of LZ4 frame");
  const checksum = (flags & flag.blockChecksum) === 0 ? 0 : 4;
  // Magic number, flags, block size, content size, checksum of these.
  let from = 7 + ((flags & flag.contentSize) === 0 ? 0 : 8);
  let to = 0;
  for (;;) {
    const header = view.getUint32(from, true);
    if (header === 0) break;
    const length = header & ~uncompressed;
    from += 4;
    if (from + length > input.length) throw new RangeError("a block beyond the frame");
    const block = input.subarray(from, from + length);
    if ((header & uncompressed) === 0) to = decompressBlock(block, output, to);
    else {
      output.set(block, to);
      to += length;
    }
    from += length + checksum;
  }
  if (to !== output.length) throw new RangeError("content of another length");
}

/** @param start of the block's content in `output` @returns its end */
function decompressBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let from = 0;
  let to = start;
  const next = (): number => {
    if (from >= block.length) throw new RangeError("a block that ends too early");
    return block[from++]!;
  };
  /** A length of four bits, or of more bytes if these are all set. */
  const lengthOf = (bits: number): number => {
    let length = bits;
    for (let byte = bits === 15 ? 255 : 0; byte === 255; length += byte) byte = next();
    return length;
  };
  while (from < block.length) {
    const token = next();
    const literals = lengthOf(token >> 4);
    if (from + literals > block.length) throw new RangeError("literals beyond the block");
    output.set(block.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence has no match.
    if (from === block.length) break;
    const distance = next() | (next() << 8);
    const end = to + lengthOf(token & 15) + minMatch;
    if (distance === 0 || distance > to || end > output.length) throw new RangeError("a match beyond the content");
    for (; to < end; to++) output[to] = output[to - distance]!;
  }
  return to;
}
