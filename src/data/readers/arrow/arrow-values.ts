/** Values of text columns, a few rows at a time: a batch may be as large as its file. */

import { InputError } from "../../../errors.js";
import type { OpenBuffer } from "./arrow-body.js";
import { type ArrowColumn, bitAt, offsetsOf, validity, type ViewRange, viewsOf } from "./arrow-columns.js";
import { damaged } from "./arrow-messages.js";
import { type ArrowType, typeName } from "./arrow-schema.js";

/** Values of dictionaries by their number. */
export type Dictionaries = ReadonlyMap<number, readonly unknown[]>;

/** Bounds on what is in memory at once; rows of images stay a thousand times below. */
const maxItems = 2 ** 22;
const maxBytes = 2 ** 28;
/** Bytes between values of a buffer that are read with them. */
const maxGap = 2 ** 20;

/**
 * The values of rows `from` to `to` (not included): numbers, bigints, booleans, texts, bytes, lists, objects for structs; null where
 * absent.
 * @throws InputError naming the column for a type that is not read, or offsets that reach outside
 */
export async function columnValues(
  column: ArrowColumn,
  from: number,
  to: number,
  dictionaries: Dictionaries,
): Promise<unknown[]> {
  const where = `${column.body.file.name}, column ${JSON.stringify(column.field.name)}`;
  if (to > column.length || to - from > maxItems) {
    throw damaged(where, `at most ${Math.min(column.length, maxItems)} values at once`, `${to - from}`);
  }
  const present = await validity(column, from, to);
  const values = await plainValues(column, from, to, dictionaries, where, present);
  const { dictionary } = column.field;
  const words = dictionary === undefined ? undefined : (dictionaries.get(dictionary.id) ?? []);
  return values.map((value, i) => {
    if (present !== undefined && !bitAt(present, from, from + i)) return null;
    if (words === undefined) return value;
    const number = Number(value);
    if (number >= 0 && number < words.length) return words[number];
    throw damaged(where, `numbers below ${words.length}, the size of the dictionary`, String(number));
  });
}

async function plainValues(
  column: ArrowColumn,
  from: number,
  to: number,
  dictionaries: Dictionaries,
  where: string,
  present: Uint8Array | undefined,
): Promise<unknown[]> {
  const { type } = column;
  switch (type.kind) {
    case "null":
      return Array.from({ length: to - from }, () => null);
    case "integer":
    case "float": {
      const width = type.bits / 8;
      const bytes = await (await column.body.buffer(column.buffer + 1)).read(from * width, (to - from) * width);
      const read = numberReader(type, new DataView(bytes.buffer), where);
      return Array.from({ length: to - from }, (_, i) => read(i * width));
    }
    case "boolean": {
      const bytes = await (await column.body.buffer(column.buffer + 1)).read(from >> 3, ((to + 7) >> 3) - (from >> 3));
      return Array.from({ length: to - from }, (_, i) => bitAt(bytes, from, from + i));
    }
    case "text":
    case "binary": {
      const data = await column.body.buffer(column.buffer + 2);
      const offsets = await offsetsOf(column, type.wide, from, to, data.length);
      const [start, end] = [offsets[0]!, offsets[to - from]!];
      if (end - start > maxBytes)
        throw damaged(where, `texts of at most ${maxBytes} bytes in ${to - from} rows`, `${end - start}`);
      const bytes = Buffer.from((await data.read(start, end - start)).buffer);
      return Array.from({ length: to - from }, (_, i) => {
        const [begin, stop] = [offsets[i]! - start, offsets[i + 1]! - start];
        return type.kind === "text" ? bytes.toString("utf8", begin, stop) : new Uint8Array(bytes.subarray(begin, stop));
      });
    }
    case "text view":
    case "binary view": {
      const rangeOf = await viewsOf(column, from, to);
      // The view of an absent value may be anything.
      const ranges = Array.from({ length: to - from }, (_, i) =>
        present === undefined || bitAt(present, from, from + i) ? rangeOf(i) : undefined,
      );
      const values = await viewValues(ranges, where);
      return type.kind === "binary view" ? values : values.map((value) => value?.toString("utf8"));
    }
    case "list": {
      const child = column.children[0];
      if (child === undefined) throw damaged(where, "a list of something", "a list of nothing");
      const offsets = await offsetsOf(column, type.wide, from, to, child.length);
      const start = offsets[0]!;
      const items = await columnValues(child, start, offsets[to - from]!, dictionaries);
      return Array.from({ length: to - from }, (_, i) => items.slice(offsets[i]! - start, offsets[i + 1]! - start));
    }
    case "struct": {
      const fields: (readonly [string, unknown[]])[] = [];
      for (const child of column.children)
        fields.push([child.field.name, await columnValues(child, from, to, dictionaries)]);
      return Array.from({ length: to - from }, (_, i) =>
        Object.fromEntries(fields.map(([name, list]) => [name, list[i]])),
      );
    }
    case "other":
      throw new InputError({
        code: "unsupported-format",
        where,
        expected: "text, numbers, booleans, or lists or structs of these",
        found: typeName(column.field),
        hint: "Write the column as another type",
      });
  }
}

/** The bytes of views. Neighbours in a buffer are read at once. */
async function viewValues(ranges: readonly (ViewRange | undefined)[], where: string): Promise<(Buffer | undefined)[]> {
  const spans = new Map<OpenBuffer, { start: number; end: number; bytes: number }>();
  let total = 0;
  for (const range of ranges) {
    if (range === undefined) continue;
    const { buffer, start, length } = range;
    // Views may overlap, so that a small file has any amount of text.
    total += length;
    const span = spans.get(buffer) ?? { start, end: start, bytes: 0 };
    span.start = Math.min(span.start, start);
    span.end = Math.max(span.end, start + length);
    span.bytes += length;
    spans.set(buffer, span);
  }
  if (total > maxBytes) throw damaged(where, `texts of at most ${maxBytes} bytes in ${ranges.length} rows`, `${total}`);
  const read = new Map<OpenBuffer, { readonly start: number; readonly bytes: Buffer }>();
  for (const [buffer, { start, end, bytes }] of spans) {
    if (end - start > 4 * bytes + maxGap) continue;
    read.set(buffer, { start, bytes: Buffer.from((await buffer.read(start, end - start)).buffer) });
  }
  const values: (Buffer | undefined)[] = [];
  for (const range of ranges) {
    if (range === undefined) {
      values.push(undefined);
      continue;
    }
    const { buffer, start, length } = range;
    const known = read.get(buffer);
    const from = start - (known?.start ?? 0);
    const bytes = known?.bytes.subarray(from, from + length) ?? Buffer.from((await buffer.read(start, length)).buffer);
    values.push(bytes);
  }
  return values;
}

function numberReader(
  type: Extract<ArrowType, { kind: "integer" | "float" }>,
  view: DataView,
  where: string,
): (offset: number) => number | bigint {
  if (type.kind === "float") {
    if (type.bits === 64) return (offset) => view.getFloat64(offset, true);
    if (type.bits === 32) return (offset) => view.getFloat32(offset, true);
    const hint = "Write the column as float32";
    throw new InputError({
      code: "unsupported-format",
      where,
      expected: "floats of 32 or 64 bits",
      found: "16 bits",
      hint,
    });
  }
  switch (type.bits) {
    case 8:
      return type.signed ? (offset) => view.getInt8(offset) : (offset) => view.getUint8(offset);
    case 16:
      return type.signed ? (offset) => view.getInt16(offset, true) : (offset) => view.getUint16(offset, true);
    case 32:
      return type.signed ? (offset) => view.getInt32(offset, true) : (offset) => view.getUint32(offset, true);
    default:
      return type.signed ? (offset) => view.getBigInt64(offset, true) : (offset) => view.getBigUint64(offset, true);
  }
}
