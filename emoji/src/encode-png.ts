/** Encodes images as PNG without compression: ten times as fast as with compression, and the files are never stored. */
import type { RawImage } from "bridgetower";
import { crc32, deflateSync } from "node:zlib";

const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
/** 8 bits, RGB, the only compression and filter methods, no interlacing. */
const format = [8, 2, 0, 0, 0];

/** PNG (W3C, third edition) of an RGB image. Decoding it gives the same pixels. */
export function encodePng({ width, height, data }: RawImage): Uint8Array {
  const rowLength = 3 * width;
  // Each row begins with its filter, 0: none.
  const rows = new Uint8Array((rowLength + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * rowLength, (y + 1) * rowLength), y * (rowLength + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(format, 8);
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 0 })),
    chunk("IEND", new Uint8Array()),
  ];
  return Buffer.concat([signature, ...chunks]);
}

/** Length of the body, type, body, CRC-32 of type and body. */
function chunk(type: string, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(body, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + body.length)), 8 + body.length);
  return bytes;
}
