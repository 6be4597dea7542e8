/** The columns of one batch: the buffers of each field. */

import { damaged } from "./arrow-messages.js";
import type { ArrowBody, OpenBuffer } from "./arrow-body.js";
import type { ArrowField, ArrowType, BatchMetadata } from "./arrow-schema.js";

export interface ArrowColumn {
  readonly field: ArrowField;
  /** The type of the values in the buffers: that of the field, or of the indices into its dictionary. */
  readonly type: ArrowType;
  readonly body: ArrowBody;
  readonly length: number;
  readonly nullCount: number;
  /** Number of its first buffer. */
  readonly buffer: number;
  /** Buffers of values after the views, if it is a column of views. */
  readonly viewBuffers: number;
  readonly children: readonly ArrowColumn[];
}

/**
 * The columns of a batch by position in `fields`.
 * @throws InputError if the nodes and buffers of the batch do not match its schema
 */
export function batchColumns(body: ArrowBody, fields: readonly ArrowField[], batch: BatchMetadata): ArrowColumn[] {
  let [node, buffer, view] = [0, 0, 0];
  const columnOf = (field: ArrowField): ArrowColumn => {
    const { length, nullCount } = batch.nodes[node++] ?? { length: -1, nullCount: 0 };
    const type = field.dictionary?.index ?? field.type;
    const first = buffer;
    buffer += bufferCount(type);
    const viewBuffers = isView(type) ? (batch.variadic[view++] ?? 0) : 0;
    buffer += viewBuffers;
    if (length < 0 || buffer > batch.buffers.length) {
      const found = `${batch.nodes.length} nodes and ${batch.buffers.length} buffers`;
      throw damaged(body.file.name, "a batch with all columns of the schema", found);
    }
    const children = field.dictionary === undefined ? field.children.map(columnOf) : [];
    const short = type.kind === "struct" ? children.find((child) => child.length < length) : undefined;
    if (short !== undefined) {
      throw damaged(body.file.name, `${length} values in ${JSON.stringify(short.field.name)}`, `${short.length}`);
    }
    return { field, type, body, length, nullCount, buffer: first, viewBuffers, children };
  };
  return fields.map((field) => {
    const column = columnOf(field);
    if (column.length === batch.rows) return column;
    throw damaged(body.file.name, `${batch.rows} rows in column ${JSON.stringify(field.name)}`, `${column.length}`);
  });
}

const isView = ({ kind }: ArrowType): boolean => kind === "text view" || kind === "binary view";

function bufferCount(type: ArrowType): number {
  switch (type.kind) {
    case "integer":
    case "float":
    case "boolean":
    case "list":
    case "text view":
    case "binary view":
      return 2;
    case "text":
    case "binary":
      return 3;
    case "struct":
      return 1;
    case "null":
      return 0;
    case "other":
      return type.buffers;
  }
}

/** The validity bits of a column; undefined if no value is null. [ceil((to - from + from % 8) / 8)] from the byte of `from` */
export async function validity(column: ArrowColumn, from: number, to: number): Promise<Uint8Array | undefined> {
  if (column.nullCount === 0 || column.type.kind === "null" || from === to) return undefined;
  const bits = await column.body.buffer(column.buffer);
  return bits.length === 0 ? undefined : bits.read(from >> 3, ((to + 7) >> 3) - (from >> 3));
}

/** Bit `index` of bytes that start at the bit `from`. */
export function bitAt(bytes: Uint8Array, from: number, index: number): boolean {
  return ((bytes[(index >> 3) - (from >> 3)]! >> (index & 7)) & 1) === 1;
}

/**
 * The starts of the values `from` to `to` of a text, binary or list column, and the end of the last one. [to - from + 1]
 * @param limit the maximum: bytes of the buffer of values, or values of the child
 * @throws InputError if they decrease or exceed the limit
 */
export async function offsetsOf(
  column: ArrowColumn,
  wide: boolean,
  from: number,
  to: number,
  limit: number,
): Promise<ArrayLike<number>> {
  const buffer = await column.body.buffer(column.buffer + 1);
  // A column without values may lack its single offset.
  if (from === to) return [0];
  const width = wide ? 8 : 4;
  const bytes = await buffer.read(from * width, (to - from + 1) * width);
  const offsets = wide ? Float64Array.from(new BigInt64Array(bytes.buffer), Number) : new Int32Array(bytes.buffer);
  let previous = 0;
  for (const offset of offsets) {
    if (offset < previous || offset > limit) {
      const where = `${column.body.file.name}, column ${JSON.stringify(column.field.name)}`;
      throw damaged(where, `ascending offsets up to ${limit}`, `${offset} after ${previous}`);
    }
    previous = offset;
  }
  return offsets;
}

/** Where a value of a column of views is stored. */
export interface ViewRange {
  readonly buffer: OpenBuffer;
  readonly start: number;
  readonly length: number;
}

const viewBytes = 16;
/** Values up to this length are in the view itself, after their length. */
const maxInline = 12;

/**
 * Where the values `from` to `to` of a column of views are. https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout
 * @returns a function of the number of the value, counted from `from`
 * @throws InputError if the buffer of views is too short; the function, if a view leads outside of its buffer
 */
export async function viewsOf(column: ArrowColumn, from: number, to: number): Promise<(index: number) => ViewRange> {
  const { body, buffer: first, viewBuffers } = column;
  const views = await body.buffer(first + 1);
  const buffers: OpenBuffer[] = [];
  for (let i = 0; i < viewBuffers; i++) buffers.push(await body.buffer(first + 2 + i));
  const bytes = from === to ? new Uint8Array() : await views.read(from * viewBytes, (to - from) * viewBytes);
  const view = new DataView(bytes.buffer);
  return (index) => {
    const at = index * viewBytes;
    const length = view.getInt32(at, true);
    if (length >= 0 && length <= maxInline) {
      return { buffer: views, start: (from + index) * viewBytes + 4, length };
    }
    const [number, start] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    const buffer = buffers[number];
    if (length >= 0 && start >= 0 && buffer !== undefined && start + length <= buffer.length) {
      return { buffer, start, length };
    }
    const where = `${body.file.name}, column ${JSON.stringify(column.field.name)}`;
    throw damaged(where, "views into its buffers", `${length} bytes at ${start} of buffer ${number}`);
  };
}
