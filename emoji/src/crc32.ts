/**
 * CRC-32 of a word in UTF-8, as zlib gives it, 0 to 2^32 - 1. It decides what is held out: the same on every machine and in every
 * language, so that numbers of different programs stay comparable.
 */
export function crc32(text: string): number {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
