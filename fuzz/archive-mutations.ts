/** Mutations of zip and tar archives: sizes, offsets, headers that contradict each other, checksums that agree again. */
import type { Random } from "../src/random/index.js";
import { edgeInteger, type Field, mutateBytes, mutateField, pick, readField, replaceRange } from "./mutations.js";

const at = (offset: number, size: Field["size"]): Field => ({ offset, size });

/** Integers of zip headers after their signature: APPNOTE 6.3.9, sections 4.3 and 4.5.3. */
const zipHeaders: Readonly<Record<number, readonly (readonly [offset: number, size: Field["size"]])[]>> = {
  // Local header: flags, method, CRC, sizes, lengths of name and extra field.
  0x04034b50: [[6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2]], // prettier-ignore
  // Entry of the directory: the same, length of the comment, disk, offset of the local header.
  0x02014b50: [[8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [34, 2], [42, 4]], // prettier-ignore
  // End: disks, entries, length and offset of the directory, length of the comment.
  0x06054b50: [[4, 2], [6, 2], [8, 2], [10, 2], [12, 4], [16, 4], [20, 2]], // prettier-ignore
  // Zip64 end, and its locator.
  0x06064b50: [[4, 8], [24, 8], [32, 8], [40, 8], [48, 8]], // prettier-ignore
  0x07064b50: [[4, 4], [8, 8], [16, 4]], // prettier-ignore
};

/** The integers of all headers of a zip archive. */
export function zipFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  for (let offset = bytes.indexOf(0x50); offset >= 0; offset = bytes.indexOf(0x50, offset + 1)) {
    const signature = Number(readField(bytes, at(offset, 4)));
    for (const [from, size] of zipHeaders[signature] ?? []) fields.push(at(offset + from, size));
  }
  return fields;
}

export function mutateZip(random: Random, bytes: Uint8Array): Uint8Array {
  return mutateField(random, bytes, zipFields(bytes));
}

/** The entries of a valid archive of uncompressed files; none of another. */
export function unzipped(bytes: Uint8Array): { readonly name: string; readonly bytes: Uint8Array }[] {
  const entries: { name: string; bytes: Uint8Array }[] = [];
  const number = (offset: number, size: Field["size"]) => Number(readField(bytes, at(offset, size)));
  for (let offset = 0; number(offset, 4) === 0x04034b50;) {
    const name = offset + 30;
    const data = name + number(offset + 26, 2) + number(offset + 28, 2);
    const end = data + number(offset + 18, 4);
    const text = Buffer.from(bytes.subarray(name, name + number(offset + 26, 2))).toString("utf8");
    entries.push({ name: text, bytes: bytes.subarray(data, end) });
    offset = end;
  }
  return entries;
}

const block = 512;

/** The block of a header with its checksum corrected. */
function signed(header: Uint8Array): Uint8Array {
  const signedHeader = Buffer.alloc(block);
  signedHeader.set(header.subarray(0, block));
  signedHeader.fill(0x20, 148, 156);
  const sum = signedHeader.reduce((total, byte) => total + byte, 0);
  signedHeader.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return signedHeader;
}

/** Offsets of the headers. */
function tarHeaders(bytes: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let offset = 0; offset + block <= bytes.length; offset += block) {
    if (Buffer.from(bytes.subarray(offset + 257, offset + 262)).toString("latin1") === "ustar") offsets.push(offset);
  }
  return offsets;
}

function tarNumber(random: Random): Buffer {
  const value = edgeInteger(random, BigInt(random.below(5000)));
  const field = Buffer.alloc(12);
  pick(random, [
    () => field.write(`${BigInt.asUintN(33, value).toString(8).padStart(11, "0")}\0`, "latin1"),
    () => field.write(value.toString(8).slice(0, 12), "latin1"),
    () => field.write(pick(random, [" 12 ", "8", "-1", "0x10", "", "        7", "1e3"]), "latin1"),
    () => {
      field.writeBigUInt64BE(BigInt.asUintN(64, value), 4);
      field[0] = pick(random, [0x80, 0xff]);
    },
  ])();
  return field;
}

const paxRecords = [
  "path=a.jpg",
  "size=",
  "size=-1",
  "size=99999999999",
  "linkpath=a.jpg",
  "GNU.sparse.major=1",
  "=",
  "",
];

/** The body of a pax header, with lengths that are right or not. */
function paxBody(random: Random): string {
  const records = Array.from({ length: 1 + random.below(4) }, () => pick(random, paxRecords));
  return records
    .map((record) => {
      const length = record.length + 4 + (random.below(3) === 0 ? random.below(9) - 4 : 0);
      return `${pick(random, [String(length).padStart(2, "0"), String(length), "99999999", "-3", ""])} ${record}\n`;
    })
    .join("");
}

/** Changes a member's header and corrects its checksum, so that what follows the checksum is reached. */
export function mutateTar(random: Random, bytes: Uint8Array): Uint8Array {
  const headers = tarHeaders(bytes);
  if (headers.length === 0) return mutateBytes(random, bytes);
  const offset = pick(random, headers);
  const header = Buffer.from(bytes.subarray(offset, offset + block));
  const put = (changed: Uint8Array) => replaceRange(bytes, offset, offset + block, signed(changed));
  return pick(random, [
    () => {
      header.set(tarNumber(random), 124);
      return put(header);
    },
    () => {
      header[156] = pick(random, [..."01234567LKxgSVXDM\0"]).charCodeAt(0);
      return put(header);
    },
    () => {
      const name = pick(random, [
        "",
        "a",
        "../a.jpg",
        "a.jpg",
        "a.json",
        "a.txt",
        "/",
        ".",
        "a.b.c.jpg",
        "é.jpg",
        "x".repeat(100),
      ]);
      header.fill(0, 0, 100).write(name, 0, 100);
      return put(header);
    },
    () => put(mutateBytes(random, header)),
    () => {
      const body = Buffer.alloc(block);
      const length = body.write(paxBody(random));
      header.set(Buffer.from(`${length.toString(8).padStart(11, "0")}\0`), 124);
      header[156] = pick(random, ["x", "x", "g", "L", "K"]).charCodeAt(0);
      return replaceRange(bytes, offset, offset, Buffer.concat([signed(header), body]));
    },
    // A member again, or moved to the end.
    () =>
      replaceRange(bytes, bytes.length, bytes.length, bytes.subarray(offset, pick(random, [...headers, bytes.length]))),
  ])();
}
