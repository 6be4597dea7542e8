/** Locates the batches of an Arrow file: from the footer of the file format, or by walking the stream format. Bodies are not read. */

import { InputError } from "../../../errors.js";
import type { DataFile } from "../open-files.js";
import { type ArrowField, type BatchMetadata, readBatch, readSchema } from "./arrow-schema.js";
import { FlatbufferProblem, FlatTable } from "./flatbuffer.js";

/** A record batch, or a dictionary's values that later batches refer to. */
export interface ArrowMessage {
  readonly batch: BatchMetadata;
  /** Offset of the body in the file. */
  readonly body: number;
  readonly dictionary?: { readonly id: number; readonly isDelta: boolean };
}

export interface ArrowLayout {
  readonly fields: readonly ArrowField[];
  /** In the order in which they apply. */
  readonly messages: readonly ArrowMessage[];
}

const magic = "ARROW1";
/** Before the metadata of every message since Arrow 0.15. */
const continuation = 0xffffffff;
/** Bytes. The metadata of a batch is some kilobytes. */
const maxMetadata = 2 ** 28;
const schemaHeader = 1;
const dictionaryHeader = 2;
const batchHeader = 3;

/** Whether the file starts as one of the two formats do. */
export function looksLikeArrow(head: Uint8Array): boolean {
  return startsWithMagic(head) || (head.length >= 8 && viewOf(head).getUint32(0, true) === continuation);
}

/** @throws InputError naming the file if its structure is damaged or points outside of it */
export async function readArrowLayout(file: DataFile): Promise<ArrowLayout> {
  try {
    const head = await file.read(0, Math.min(8, file.size));
    return startsWithMagic(head) ? await readFooter(file) : await walkStream(file);
  } catch (error) {
    throw arrowProblem(file.name, error);
  }
}

/** Converts the errors of damaged structures to InputError. Other errors are returned unchanged. */
export function arrowProblem(where: string, error: unknown): unknown {
  if (!(error instanceof FlatbufferProblem) && !(error instanceof RangeError)) return error;
  const found = error instanceof FlatbufferProblem ? error.message : "metadata that point outside of themselves";
  return damaged(where, "the structure of an Arrow file", found, error);
}

/** The error for a file that breaks its format. */
export function damaged(where: string, expected: string, found: string, cause?: unknown): InputError {
  const hint = "Download the file or write it again: it is damaged or was cut short";
  return new InputError({ code: "corrupt-file", where, expected, found, hint }, { cause });
}

function startsWithMagic(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, magic.length)).toString("latin1") === magic;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function readFooter(file: DataFile): Promise<ArrowLayout> {
  const trailer = 4 + magic.length;
  const end = file.size < 8 + trailer ? new Uint8Array(trailer) : await file.read(file.size - trailer, trailer);
  if (!startsWithMagic(end.subarray(4))) {
    throw damaged(file.name, `${magic} at the end of an Arrow file`, `${file.size} bytes that end otherwise`);
  }
  const length = viewOf(end).getInt32(0, true);
  if (length <= 0 || length > Math.min(maxMetadata, file.size - 8 - trailer)) {
    throw damaged(file.name, "a footer inside the file", `one of ${length} bytes`);
  }
  const footer = new FlatTable(viewOf(await file.read(file.size - trailer - length, length)));
  const schema = footer.table(1);
  if (schema === undefined) throw damaged(file.name, "a schema in the footer", "none");
  const messages: ArrowMessage[] = [];
  let bytes = 0;
  for (const offset of [...blocksOf(footer, 2), ...blocksOf(footer, 3)]) {
    const found = await readMessage(file, offset);
    if (found?.message === undefined) throw damaged(file.name, `a batch at offset ${offset}`, "something else");
    messages.push(found.message);
    bytes += found.next - offset;
    // One batch named a million times would be a million batches.
    if (bytes > file.size)
      throw damaged(file.name, "batches that do not overlap", "more bytes of them than the file has");
  }
  return { fields: readSchema(schema), messages };
}

/** Offsets of the messages that a footer lists. */
function blocksOf(footer: FlatTable, field: number): number[] {
  return footer.structs(field, 24, [{ at: 0, bits: 64 }]).map(([offset]) => offset!);
}

async function walkStream(file: DataFile): Promise<ArrowLayout> {
  let fields: ArrowField[] | undefined;
  const messages: ArrowMessage[] = [];
  for (let position = 0; position < file.size;) {
    const found = await readMessage(file, position);
    if (found === undefined) break;
    if (found.fields !== undefined) fields ??= found.fields;
    if (found.message !== undefined) messages.push(found.message);
    position = found.next;
  }
  if (fields === undefined) throw damaged(file.name, "a schema at the start of an Arrow stream", "none");
  return { fields, messages };
}

interface FoundMessage {
  readonly fields?: ArrowField[];
  readonly message?: ArrowMessage;
  /** Offset of the next message. */
  readonly next: number;
}

/** The message at `position`; undefined at the end of a stream. */
async function readMessage(file: DataFile, position: number): Promise<FoundMessage | undefined> {
  if (position < 0) throw damaged(file.name, "a batch inside the file", `one at offset ${position}`);
  const prefix = viewOf(await file.read(position, Math.min(8, Math.max(4, file.size - position))));
  const modern = prefix.getUint32(0, true) === continuation;
  const length = modern ? prefix.getInt32(4, true) : prefix.getInt32(0, true);
  if (length === 0) return undefined;
  const start = position + (modern ? 8 : 4);
  if (length < 0 || length > maxMetadata || start + length > file.size) {
    throw damaged(
      file.name,
      `a message at offset ${position}`,
      `metadata of ${length} bytes in a file of ${file.size}`,
    );
  }
  const table = new FlatTable(viewOf(await file.read(start, length)));
  const [body, bodyLength] = [start + length, table.int64(3)];
  if (bodyLength < 0 || body + bodyLength > file.size) {
    throw damaged(file.name, `${bodyLength} bytes of a batch at offset ${body}`, `a file of ${file.size} bytes`);
  }
  const next = body + bodyLength;
  const [kind, header] = [table.int8(1), table.table(2)];
  if (header === undefined) return { next };
  if (kind === schemaHeader) return { fields: readSchema(header), next };
  if (kind === batchHeader) return { message: { batch: inside(file, readBatch(header), bodyLength), body }, next };
  if (kind !== dictionaryHeader) return { next };
  const data = header.table(1);
  if (data === undefined) throw damaged(file.name, "values of a dictionary", "none");
  const batch = inside(file, readBatch(data), bodyLength);
  return { message: { batch, body, dictionary: { id: header.int64(0), isDelta: header.int8(2) === 1 } }, next };
}

function inside(file: DataFile, batch: BatchMetadata, bodyLength: number): BatchMetadata {
  const outside = batch.buffers.find(({ offset, length }) => offset + length > bodyLength);
  if (outside === undefined) return batch;
  const found = `one of ${outside.length} bytes at ${outside.offset}`;
  throw damaged(file.name, `buffers inside a batch of ${bodyLength} bytes`, found);
}
