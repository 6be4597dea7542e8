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
}

const block = 512;
/** Bytes of one read: headers and short texts next to an image, and little of the image. */
const readAhead = 2 ** 13;
/** Bytes of a long name or a pax header. */
const maxHeader = 2 ** 16;

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

/**
 * The regular files of an archive in order.
 * @throws InputError for an invalid header, or a body that is cut off
 */
export async function* tarMembers(file: DataFile, reader: ForwardReader): AsyncGenerator<TarMember> {
  let long: { name?: string; size?: number } = {};
  let position = 0;
  while (position + block <= file.size) {
    const header = await reader.read(position, block);
    if (header.every((byte) => byte === 0)) return;
    const { name, size: plainSize, type } = parseHeader(file.name, header, position);
    const isMember = type === "0" || type === "\0" || type === "7";
    const size = (isMember ? long.size : undefined) ?? plainSize;
    const offset = position + block;
    position = offset + Math.ceil(size / block) * block;
    // The padding of the last file may be missing.
    if (offset + size > file.size) throw cutShort(file, name, offset + size);
    if (type === "L" || type === "x") {
      if (size > maxHeader) throw damagedTar(file.name, `a header of at most ${maxHeader} bytes`, `${size}`);
      const bytes = await reader.read(offset, size);
      long = { ...long, ...(type === "L" ? { name: textOf(bytes) } : paxOf(bytes)) };
      continue;
    }
    if (isMember) yield { name: long.name ?? name, offset, size };
    if (type !== "g" && type !== "K") long = {};
  }
  if (position < file.size || file.size === 0) {
    throw damagedTar(
      file.name,
      `a tar header of ${block} bytes at offset ${position}`,
      `${file.size - position} bytes`,
    );
  }
}

/** Whether the bytes are the header of a tar archive, by its checksum. */
export function looksLikeTar(head: Uint8Array): boolean {
  return head.length >= block && checksumAgrees(head.subarray(0, block));
}

function parseHeader(
  where: string,
  header: Uint8Array,
  position: number,
): { name: string; size: number; type: string } {
  const size = checksumAgrees(header) ? numberOf(header.subarray(124, 136)) : undefined;
  if (size === undefined) throw damagedTar(where, `a tar header at offset ${position}`, "other bytes");
  const isUstar = textOf(header.subarray(257, 262)) === "ustar";
  // GNU's own format has other fields in place of the prefix of POSIX.
  const prefix = isUstar && header[263] === 0x30 ? textOf(header.subarray(345, 500)) : "";
  const name = textOf(header.subarray(0, 100));
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, type: String.fromCharCode(header[156]!) };
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

/** Records `length key=value\n`. */
function paxOf(bytes: Uint8Array): { name?: string; size?: number } {
  const found: { name?: string; size?: number } = {};
  for (let position = 0; position < bytes.length;) {
    const record = /^(\d{1,8}) ([^=]+)=/.exec(Buffer.from(bytes.subarray(position, position + 64)).toString("latin1"));
    const length = Number(record?.[1] ?? 0);
    if (record === null || length < record[0].length) break;
    const value = Buffer.from(bytes.subarray(position + record[0].length, position + length - 1)).toString("utf8");
    if (record[2] === "path") found.name = value;
    if (record[2] === "size" && /^\d{1,15}$/.test(value)) found.size = Number(value);
    position += length;
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

function damagedTar(where: string, expected: string, found: string): InputError {
  const hint = "Fetch or write the archive again: it is damaged or truncated";
  return new InputError({ code: "corrupt-file", where, expected, found, hint });
}
