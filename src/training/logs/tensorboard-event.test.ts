import { expect, test } from "vitest";
import { crc32c, maskedCrc, tfRecord } from "./tensorboard-event.js";

const ascii = (text: string) => new TextEncoder().encode(text);

test.each([
  // The check value of CRC-32C, and the vectors of RFC 3720, B.4.
  [ascii("123456789"), 0xe3069283],
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  [new Uint8Array(0), 0],
])("CRC-32C, case %#", (bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test("a record is length, its masked checksum, bytes, theirs", () => {
  const record = Buffer.from(tfRecord(ascii("abc")));
  expect(record.length).toBe(19);
  expect(record.readBigUInt64LE(0)).toBe(3n);
  expect(record.readUInt32LE(8)).toBe(maskedCrc(record.subarray(0, 8)));
  expect(record.toString("utf8", 12, 15)).toBe("abc");
  // Rotation and sum by hand: crc32c("abc") is 0x364b3fb7.
  expect(crc32c(ascii("abc"))).toBe(0x364b3fb7);
  expect(record.readUInt32LE(15)).toBe((0x7f6e6c96 + 0xa282ead8) % 2 ** 32);
});
