/**
 * The directory of a zip archive with stored (uncompressed) entries, zip64 included, as `torch.save` writes it.
 * PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.3. Only directory and local headers are read.
 */

import type { OpenFile } from "../files/index.js";
import { InputError } from "../errors.js";

/** An entry's bytes in the archive file. */
export interface ZipEntry {
  readonly name: string;
  /** Offset of the entry's data in the file. */
  readonly offset: number;
  readonly length: number;
}

interface Listed {
  readonly name: string;
  readonly headerOffset: number;
  readonly length: number;
}

interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}

const signatures = { local: 0x04034b50, listed: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 };
const sizes = { local: 30, listed: 46, end: 22, end64: 56, locator64: 20 };
const maxComment = 0xffff;
const maxEntries = 100_000;
const maxDirectory = 64 * 2 ** 20;
const in64 = 0xffffffff;
const cutShort = "Download or copy the file again: it was cut short or damaged";

/**
 * The wanted entries by name, all by default.
 * @throws InputError for a damaged archive, and for a wanted entry that is compressed or encrypted.
 */
export async function readZipEntries(
  file: OpenFile,
  wanted: (name: string) => boolean = () => true,
): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(file);
  const listed = listEntries(file, directory, await file.read(directory.offset, directory.length), wanted);
  const entries = await Promise.all(listed.map((entry) => locate(file, entry, directory.offset)));
  return new Map(entries.map((entry) => [entry.name, entry]));
}

async function findDirectory(file: OpenFile): Promise<Directory> {
  const tailLength = Math.min(file.size, sizes.end + maxComment);
  const tailOffset = file.size - tailLength;
  const tail = view(await file.read(tailOffset, tailLength));
  let end = tailLength - sizes.end;
  while (end >= 0 && tail.getUint32(end, true) !== signatures.end) end--;
  if (end < 0) throw damaged(file, "a zip directory at its end", "none");
  const directory = {
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
  const needs64 = directory.count === 0xffff || directory.length === in64 || directory.offset === in64;
  return checkedDirectory(file, needs64 ? await findDirectory64(file, tailOffset + end) : directory);
}

async function findDirectory64(file: OpenFile, end: number): Promise<Directory> {
  const locatorOffset = end - sizes.locator64;
  if (locatorOffset < 0) throw damaged(file, "a zip64 directory", "no room for one");
  const locator = view(await file.read(locatorOffset, sizes.locator64));
  const offset = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(0, true) !== signatures.locator64 || offset > locatorOffset - sizes.end64) {
    throw damaged(file, "a zip64 directory", "a locator that leads nowhere");
  }
  const record = view(await file.read(offset, sizes.end64));
  if (record.getUint32(0, true) !== signatures.end64) throw damaged(file, "a zip64 directory", "other bytes");
  return {
    count: Number(record.getBigUint64(32, true)),
    length: Number(record.getBigUint64(40, true)),
    offset: Number(record.getBigUint64(48, true)),
  };
}

function checkedDirectory(file: OpenFile, directory: Directory): Directory {
  const { count, length, offset } = directory;
  if (count > maxEntries || length > maxDirectory) {
    throw damaged(file, `a zip directory of at most ${maxEntries} entries`, `${count} entries in ${length} bytes`);
  }
  if (offset + length > file.size) throw damaged(file, "a zip directory inside the file", "one beyond its end");
  return directory;
}

function listEntries(
  file: OpenFile,
  { count }: Directory,
  bytes: Uint8Array,
  wanted: (name: string) => boolean,
): Listed[] {
  const directory = view(bytes);
  const seen = new Set<string>();
  const entries: Listed[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + sizes.listed > bytes.length || directory.getUint32(at, true) !== signatures.listed) {
      throw damaged(file, `${count} entries in the zip directory`, String(i));
    }
    const nameLength = directory.getUint16(at + 28, true);
    const extraLength = directory.getUint16(at + 30, true);
    const next = at + sizes.listed + nameLength + extraLength + directory.getUint16(at + 32, true);
    if (next > bytes.length) throw damaged(file, `${count} entries in the zip directory`, `${i} whole ones`);
    const nameEnd = at + sizes.listed + nameLength;
    const name = new TextDecoder().decode(bytes.subarray(at + sizes.listed, nameEnd));
    if (seen.has(name)) throw damaged(file, "one zip entry of each name", `two called ${name}`);
    seen.add(name);
    if (wanted(name)) {
      checkPlain(file, name, directory.getUint16(at + 8, true), directory.getUint16(at + 10, true));
      const extra = view(bytes.subarray(nameEnd, nameEnd + extraLength));
      entries.push({ name, ...wideFields(file, name, directory, at, extra) });
    }
    at = next;
  }
  return entries;
}

function checkPlain(file: OpenFile, name: string, flags: number, method: number): void {
  const encrypted = (flags & 1) !== 0;
  if (!encrypted && method === 0) return;
  throw new InputError({
    code: "unsupported-format",
    where: `${file.name}: ${name}`,
    expected: "uncompressed entries",
    found: encrypted ? "an encrypted entry" : "a compressed entry",
    hint: "Save the file again with torch.save, which does not compress",
  });
}

/** Length and offset of an entry; values that 32 bits cannot hold stand in the zip64 extra field, in this order. */
function wideFields(file: OpenFile, name: string, directory: DataView, at: number, extra: DataView) {
  const packed = directory.getUint32(at + 20, true);
  const length = directory.getUint32(at + 24, true);
  const headerOffset = directory.getUint32(at + 42, true);
  const wide = [length, packed, headerOffset].filter((value) => value === in64).length;
  if (wide === 0) return { length, headerOffset };
  const field = zip64Field(extra);
  if (field === undefined || field.byteLength < wide * 8) throw damaged(file, `zip64 sizes of ${name}`, "none");
  let next = 0;
  const widened = (value: number) => (value === in64 ? Number(field.getBigUint64(8 * next++, true)) : value);
  const wideLength = widened(length);
  widened(packed);
  return { length: wideLength, headerOffset: widened(headerOffset) };
}

function zip64Field(extra: DataView): DataView | undefined {
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) return undefined;
    if (extra.getUint16(at, true) === 1) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at += 4 + length;
  }
  return undefined;
}

/** The data follow the local header, whose name and padding may be longer than the directory's. */
async function locate(file: OpenFile, { name, headerOffset, length }: Listed, limit: number): Promise<ZipEntry> {
  if (headerOffset + sizes.local > limit) throw damaged(file, `entry ${name} inside the file`, "one beyond its end");
  const local = view(await file.read(headerOffset, sizes.local));
  if (local.getUint32(0, true) !== signatures.local) throw damaged(file, `a header of entry ${name}`, "other bytes");
  const offset = headerOffset + sizes.local + local.getUint16(26, true) + local.getUint16(28, true);
  if (offset + length > limit)
    throw damaged(file, `${length} bytes of entry ${name}`, `${Math.max(0, limit - offset)}`);
  return { name, offset, length };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(file: OpenFile, expected: string, found: string): InputError {
  return new InputError({ code: "corrupt-file", where: file.name, expected, found, hint: cutShort });
}
