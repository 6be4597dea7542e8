import { expect, test } from "vitest";

import { decompressLz4Frame } from "./lz4-frame.js";

const header = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0];
const uint32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
const block = (bytes: readonly number[], flag = 0) => [...uint32((bytes.length | flag) >>> 0), ...bytes];
const letters = (text: string) => [...Buffer.from(text)];

function decompressed(bytes: readonly number[], length: number): string {
  const output = new Uint8Array(length);
  decompressLz4Frame(Uint8Array.from(bytes), output);
  return Buffer.from(output).toString();
}

/** "abc", then 6 bytes from 3 before; then the last literal. */
const sequences = [0x32, ...letters("abc"), 3, 0, 0x10, ...letters("d")];

test("literals, overlapping copies, blocks that are not compressed, and copies from the block before", () => {
  const blocks = [block(sequences), block(letters("xyz"), 0x80000000), block([0x00, 3, 0, 0x10, ...letters("!")])];
  expect(decompressed([...header, ...blocks.flat(), 0, 0, 0, 0], 18)).toBe("abcabcabcdxyzxyzx!".slice(0, 17) + "!");
});

test.each<[name: string, bytes: number[]]>([
  ["a block of 2 GB in a few bytes", [...header, 0xff, 0xff, 0xff, 0x7f, ...sequences]],
  ["2 GB that are not compressed", [...header, 0xff, 0xff, 0xff, 0xff, ...sequences]],
  ["a length without end", [...header, ...block([0xf0, 255, 255, 255]), 0, 0, 0, 0]],
  ["a copy from before the content", [...header, ...block([0x12, 97, 9, 0, 0x10, 98]), 0, 0, 0, 0]],
  ["more content than expected", [...header, ...block([...sequences.slice(0, 6), 0xf0, 1]), 0, 0, 0, 0]],
  ["no end", [...header, ...block(sequences)]],
  ["another magic number", [1, ...header.slice(1), ...block(sequences), 0, 0, 0, 0]],
])("refuses: %s", (_, bytes) => {
  expect(() => decompressed(bytes, 10)).toThrow(RangeError);
});
