/** Mutations of images: the chunks of PNG with checksums that agree again, and the sizes in the headers of all formats. */
import { crc32, deflateSync } from "node:zlib";
import type { Random } from "../src/random/index.js";
import { edgeInteger, type Field, mutateBytes, mutateField, pick, replaceRange } from "./mutations.js";

interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
}

const signature = 8;

function chunksOf(png: Uint8Array): Chunk[] {
  const bytes = Buffer.from(png);
  const chunks: Chunk[] = [];
  for (let from = signature; from + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(from);
    chunks.push({
      type: bytes.toString("latin1", from + 4, from + 8),
      body: bytes.subarray(from + 8, from + 8 + length),
    });
    from += 12 + length;
  }
  return chunks;
}

function pngOf(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.map(({ type, body }) => {
    const frame = Buffer.alloc(12 + body.length);
    frame.writeUInt32BE(body.length, 0);
    frame.write(type, 4, "latin1");
    frame.set(body, 8);
    frame.writeUInt32BE(crc32(frame.subarray(4, 8 + body.length)), 8 + body.length);
    return frame;
  });
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

const zeros = new Map<number, Uint8Array>();

/** That many zeros, compressed. */
function compressedZeros(length: number): Uint8Array {
  let bytes = zeros.get(length);
  if (bytes === undefined) zeros.set(length, (bytes = deflateSync(Buffer.alloc(length))));
  return bytes;
}

const chunkTypes = [
  "IHDR",
  "IDAT",
  "IEND",
  "PLTE",
  "tRNS",
  "eXIf",
  "iCCP",
  "zTXt",
  "iTXt",
  "gAMA",
  "acTL",
  "fdAT",
  "abcd",
];

/** EXIF data with an orientation, or with offsets that lead elsewhere. */
function exif(random: Random): Uint8Array {
  const bytes = Buffer.from("4d4d002a00000008000101120003000000010005000000000000", "hex");
  return random.below(2) === 0 ? bytes : mutateBytes(random, bytes);
}

export function mutatePng(random: Random, bytes: Uint8Array): Uint8Array {
  const chunks = chunksOf(bytes);
  if (chunks.length === 0) return mutateBytes(random, bytes);
  const place = random.below(chunks.length);
  const one = chunks[place]!;
  const put = (removed: number, ...inserted: readonly Chunk[]) => pngOf(chunks.toSpliced(place, removed, ...inserted));
  return pick(random, [
    () => put(1),
    () => put(1, one, one),
    () => put(0, pick(random, chunks)),
    () => put(1, { ...one, type: pick(random, chunkTypes) }),
    () => put(1, { ...one, body: mutateBytes(random, one.body) }),
    () => put(0, { type: "eXIf", body: exif(random) }),
    () => {
      const header = chunks[0]!.body;
      const fields: Field[] = [
        { offset: 0, size: 4, endian: "big" },
        { offset: 4, size: 4, endian: "big" },
        ...[8, 9, 10, 11, 12].map((offset): Field => ({ offset, size: 1 })),
      ];
      return pngOf([{ type: "IHDR", body: mutateField(random, header, fields) }, ...chunks.slice(1)]);
    },
    // Pixels or texts that grow a thousand times.
    () => put(1, { type: "IDAT", body: compressedZeros(pick(random, [1000, 1e6, 3e7])) }),
    () => {
      const text = Buffer.concat([Buffer.from("a\0\0"), compressedZeros(pick(random, [1000, 3e7]))]);
      return put(0, { type: pick(random, ["zTXt", "iCCP"]), body: text });
    },
    () => {
      const length = Number(BigInt.asUintN(32, edgeInteger(random, BigInt(one.body.length))));
      const offset = signature + chunks.slice(0, place).reduce((sum, { body }) => sum + 12 + body.length, 0);
      const frame = Buffer.alloc(4);
      frame.writeUInt32BE(length);
      return replaceRange(bytes, offset, offset + 4, frame);
    },
  ])();
}

/** An integer of a header set to an edge, or for PNG a change of its chunks. Headers of all formats are in the first bytes. */
export function mutateImage(random: Random, bytes: Uint8Array): Uint8Array {
  if (Buffer.from(bytes.subarray(1, 4)).toString("latin1") === "PNG") return mutatePng(random, bytes);
  if (bytes.length < 8) return mutateBytes(random, bytes);
  const field: Field = {
    offset: random.below(Math.min(bytes.length, pick(random, [32, 64, 400]))),
    size: pick(random, [1, 2, 4]),
    endian: pick(random, ["little", "big"]),
  };
  return mutateField(random, bytes, [field]);
}
