/** Mutations of tables: separated cells and lines of text, Parquet's footer and headers, Arrow's metadata. */
import type { Random } from "../src/random/index.js";
import { edgeInteger, type Field, mutateBytes, mutateField, pick, readField, replaceRange } from "./mutations.js";

const tokens: readonly (string | Uint8Array)[] = [
  ...[
    '"',
    '""',
    '"""',
    ",",
    "\t",
    ";",
    "|",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\0",
    "\ufeff",
    " ",
    "\u2028",
    "\u0085",
    "\v",
    "\f",
  ],
  ...[
    "sep=;\n",
    "image",
    "caption",
    "split",
    "train",
    "../x.png",
    "http://x/a.png",
    "#",
    "a\0b",
    "{",
    "}",
    '{"image":',
    "[]",
  ],
  ...["\ud83d\ude00", "e\u0301", "NaN", "-Infinity", "1e999", "\\", '\\"', "\\u0000", "#version: 0.2\n", "Ġ", "<mask>"],
  ...[[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xff, 0xfe], [0xfe, 0xff], [0x80]].map((bytes) =>
    Uint8Array.from(bytes),
  ),
];

/** A token of tables inserted, repeated or put in place of a character; a line repeated, moved or left out. */
export function mutateText(random: Random, bytes: Uint8Array): Uint8Array {
  const token = Buffer.from(pick(random, tokens) as Uint8Array);
  const place = random.below(bytes.length + 1);
  const end = bytes.indexOf(0x0a, place) + 1 || bytes.length;
  const start = bytes.subarray(0, place).lastIndexOf(0x0a) + 1;
  const line = bytes.subarray(start, end);
  return pick(random, [
    () => replaceRange(bytes, place, place, token),
    () => replaceRange(bytes, place, place, token),
    () => replaceRange(bytes, place, place + 1, token),
    () =>
      replaceRange(bytes, place, place, Buffer.concat(new Array<Uint8Array>(pick(random, [2, 50, 5000])).fill(token))),
    () => replaceRange(bytes, start, end, new Uint8Array(0)),
    () => replaceRange(bytes, place, place, line),
    () => replaceRange(bytes, end, end, Buffer.concat(new Array<Uint8Array>(pick(random, [2, 500])).fill(line))),
    () => replaceRange(bytes, 0, 0, token),
    () =>
      Buffer.from(
        Buffer.from(bytes)
          .toString("utf8")
          .replaceAll("\n", pick(random, ["\r", "\r\n", "\n\n"])),
      ),
    () => Buffer.from(`\ufeff${Buffer.from(bytes).toString("utf8")}`, pick(random, ["utf16le", "utf8"])),
  ])();
}

/** A number of Thrift's compact protocol, with its sign in the lowest bit. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let left = BigInt.asUintN(64, value); ; left >>= 7n) {
    if (left < 0x80n) return Uint8Array.of(...bytes, Number(left));
    bytes.push(Number(left & 0x7fn) | 0x80);
  }
}

/** Replaces the number at a random place: counts, offsets and sizes. */
function mutateVarint(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const from = random.below(bytes.length);
  let to = from + 1;
  while (to < bytes.length && bytes[to - 1]! >= 0x80) to++;
  const value = edgeInteger(random, BigInt(bytes[from]!));
  return replaceRange(bytes, from, to, varint(random.below(2) === 0 ? value : 2n * value));
}

const footerLength = (bytes: Uint8Array): Field => ({ offset: bytes.length - 8, size: 4 });

/** The footer changed and its length corrected, or the header of a page. */
export function mutateParquet(random: Random, bytes: Uint8Array): Uint8Array {
  const length = Number(readField(bytes, footerLength(bytes)));
  const end = bytes.length - 8;
  const start = end - length;
  if (start < 4 || bytes.length < 12) return mutateBytes(random, bytes);
  const withFooter = (footer: Uint8Array) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(footer.length);
    return Buffer.concat([bytes.subarray(0, start), footer, size, bytes.subarray(end + 4)]);
  };
  const footer = bytes.subarray(start, end);
  return pick(random, [
    () => withFooter(mutateVarint(random, footer)),
    () => withFooter(mutateVarint(random, footer)),
    () => withFooter(mutateBytes(random, footer)),
    () => mutateField(random, bytes, [footerLength(bytes)]),
    // Headers of pages, levels, dictionary indices. Offsets in the footer stay right only if the length does.
    () => replaceRange(bytes, 4, start, mutateVarint(random, bytes.subarray(4, start))),
    () => replaceRange(bytes, 4, start, mutateBytes(random, bytes.subarray(4, start)).subarray(0, start - 4)),
  ])();
}

/** Offsets, lengths and counts of flatbuffers, which are aligned, and of the prefixes of messages. */
export function mutateArrow(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length < 16) return mutateBytes(random, bytes);
  const marks: number[] = [];
  for (let offset = 0; offset + 4 <= bytes.length; offset += 4) {
    if (readField(bytes, { offset, size: 4 }) === 0xffffffffn) marks.push(offset);
  }
  const length = Number(readField(bytes, { offset: bytes.length - 10, size: 4 }));
  const footer = Math.max(0, Math.min(bytes.length - 10, bytes.length - 10 - length));
  const near = pick(random, [...marks, footer, random.below(bytes.length)]);
  const offset = Math.min(near + 4 * random.below(80), bytes.length - 8);
  const size = pick(random, [1, 2, 4, 4, 4, 8] as const);
  return mutateField(random, bytes, [
    { offset, size },
    ...(random.below(8) === 0 ? [{ offset: bytes.length - 10, size: 4 } as const] : []),
  ]);
}
