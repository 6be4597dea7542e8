/**
 * Locates the files in a tar archive. Headers are read, bodies skipped. POSIX ustar and pax, GNU long names and large sizes:
 * https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */

import { InputError } from "../../../errors.js";
import type { DataFile } from "../open-files.js";

export interface TarMember {
  readonly name: string;
  /** Of the body in the archive. */
  readonly offset: number;
  readonly size: number;
  /** Whether it has no body: a link to a file that is not in the archive before it. */
  readonly isLink?: boolean;
}

const block = 512;
/** Bytes of one read: headers and short texts next to an image, and little of the image. */
const readAhead = 2 ** 13;
/** Bytes of a long name or a pax header. */
const maxHeader = 2 ** 16;
/** Bytes of zeros after which no further archive is looked for. Writers pad to 10 KiB, some to 1 MiB. */
const maxPadding = 2 ** 24;

/** Serves small consecutive reads from a larger one. */
export class ForwardReader {
  readonly #file: DataFile;
  #start = 0;
  #bytes = new Uint8Array(0);

  constructor(file: DataFile) {
    this.#file = file;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      const wanted = Math.max(length, Math.min(readAhead, this.#file.size - offset));
      this.#bytes = await this.#file.read(offset, wanted);
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

interface LongFields {
  readonly name?: string;
  readonly target?: string;
  readonly size?: number;
  readonly isSparse?: boolean;
}

/**
 * The regular files of an archive in order, and of archives that were appended to it. A hard link has the body of its file.
 * @throws InputError for an invalid header, a body that is cut off, or a sparse file
 */
export async function* tarMembers(file: DataFile, reader: ForwardReader): AsyncGenerator<TarMember> {
  let long: LongFields = {};
  /** Files by name, for hard links. */
  const bodies = new Map<string, { readonly offset: number; readonly size: number }>();
  let position = 0;
  while (position + block <= file.size) {
    const header = await reader.read(position, block);
    if (isZero(header)) {
      const next = await appendedArchive(file, reader, position);
      if (next === undefined) return;
      position = next;
      continue;
    }
    const { name: shortName, target: shortTarget, size: plainSize, type } = parseHeader(file.name, header, position);
    const isFile = type === "0" || type === "\0" || type === "7";
    const isLink = type === "1" || type === "2";
    const size = isLink ? 0 : ((isFile ? long.size : undefined) ?? plainSize);
    const offset = position + block;
    position = offset + Math.ceil(size / block) * block;
    // The padding of the last file may be missing.
    if (offset + size > file.size) throw cutShort(file, shortName, offset + size);
    if (type === "L" || type === "K" || type === "x") {
      if (size > maxHeader) throw damagedTar(file.name, `a header of at most ${maxHeader} bytes`, `${size}`);
      const bytes = await reader.read(offset, size);
      const found = type === "x" ? paxOf(file.name, bytes) : { [type === "L" ? "name" : "target"]: textOf(bytes) };
      long = { ...long, ...found };
      continue;
    }
    const name = long.name ?? shortName;
    if (type === "S" || (isFile && long.isSparse === true)) throw sparse(`${file.name}, ${name}`);
    if (isFile) {
      bodies.set(name, { offset, size });
      yield { name, offset, size };
    } else if (isLink) {
      const body = type === "1" ? bodies.get(long.target ?? shortTarget) : undefined;
      yield body === undefined ? { name, offset, size: 0, isLink } : { name, ...body };
    }
    if (type !== "g") long = {};
  }
  if (position < file.size || file.size === 0) {
    throw damagedTar(
      file.name,
      `a tar header of ${block} bytes at offset ${position}`,
      `${file.size - position} bytes`,
    );
  }
}

const isZero = (header: Uint8Array): boolean => header.every((byte) => byte === 0);

/** Where another archive begins after the zeros at the end of one, as after `cat a.tar b.tar`; undefined if none does. */
async function appendedArchive(file: DataFile, reader: ForwardReader, start: number): Promise<number | undefined> {
  const end = Math.min(file.size, start + maxPadding);
  for (let position = start + block; position + block <= end; position += block) {
    const header = await reader.read(position, block);
    if (!isZero(header)) return checksumAgrees(header) ? position : undefined;
  }
  return undefined;
}

/** Whether the bytes are the header of a tar archive, by its checksum. */
export function looksLikeTar(head: Uint8Array): boolean {
  return head.length >= block && checksumAgrees(head.subarray(0, block));
}

function parseHeader(
  where: string,
  header: Uint8Array,
  position: number,
): { name: string; target: string; size: number; type: string } {
  const size = checksumAgrees(header) ? numberOf(header.subarray(124, 136)) : undefined;
  if (size === undefined) throw damagedTar(where, `a tar header at offset ${position}`, "other bytes");
  const isUstar = textOf(header.subarray(257, 262)) === "ustar";
  // GNU's own format has other fields in place of the prefix of POSIX.
  const prefix = isUstar && header[263] === 0x30 ? textOf(header.subarray(345, 500)) : "";
  const name = textOf(header.subarray(0, 100));
  const target = textOf(header.subarray(157, 257));
  return { name: prefix === "" ? name : `${prefix}/${name}`, target, size, type: String.fromCharCode(header[156]!) };
}

function checksumAgrees(header: Uint8Array): boolean {
  let sum = 8 * 0x20;
  for (let i = 0; i < block; i++) if (i < 148 || i >= 156) sum += header[i]!;
  return numberOf(header.subarray(148, 156)) === sum;
}

/** An octal number, or a binary one: GNU tar writes sizes from 8 GiB on so. */
function numberOf(field: Uint8Array): number | undefined {
  if ((field[0]! & 0x80) !== 0) {
    let value = BigInt(field[0]! & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
  }
  const text = textOf(field).trim();
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : undefined;
}

/** Records `length key=value\n`. @throws InputError for other bytes: the name of the file may be in them */
function paxOf(where: string, bytes: Uint8Array): LongFields {
  let found: LongFields = {};
  for (let position = 0; position < bytes.length;) {
    const space = bytes.indexOf(0x20, position);
    const digits = Buffer.from(bytes.subarray(position, Math.max(position, space))).toString("latin1");
    const end = position + (/^\d{1,8}$/.test(digits) ? Number(digits) : 0);
    const record = Buffer.from(bytes.subarray(space + 1, Math.max(space + 1, end - 1)));
    const equals = record.indexOf("=");
    // Some writers fill the block with zeros.
    if (bytes.subarray(position).every((byte) => byte === 0)) break;
    if (end > bytes.length || bytes[end - 1] !== 0x0a || equals < 1) {
      throw damagedTar(where, "records of a pax header", "other bytes");
    }
    const [key, value] = [record.toString("utf8", 0, equals), record.toString("utf8", equals + 1)];
    if (key === "path") found = { ...found, name: value };
    if (key === "linkpath") found = { ...found, target: value };
    if (key === "size" && /^\d{1,15}$/.test(value)) found = { ...found, size: Number(value) };
    if (key.startsWith("GNU.sparse.")) found = { ...found, isSparse: true };
    position = end;
  }
  return found;
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

function cutShort(file: DataFile, name: string, end: number): InputError {
  return damagedTar(`${file.name}, ${name}`, `a file that ends at byte ${end}`, `an archive of ${file.size} bytes`);
}

function sparse(where: string): InputError {
  const hint = "Write the archive without --sparse";
  return new InputError({ code: "unsupported-format", where, expected: "a whole file", found: "a sparse one", hint });
}

function damagedTar(where: string, expected: string, found: string): InputError {
  const hint = "Download the archive or write it again: it is damaged or truncated";
  return new InputError({ code: "corrupt-file", where, expected, found, hint });
}
