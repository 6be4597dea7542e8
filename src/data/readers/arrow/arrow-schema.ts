/** Schemas and record batches of Arrow's metadata. https://arrow.apache.org/docs/format/Columnar.html, Schema.fbs, Message.fbs. */

import { FlatbufferProblem, type FlatTable } from "./flatbuffer.js";

export type ArrowType =
  | { readonly kind: "integer"; readonly bits: number; readonly signed: boolean }
  | { readonly kind: "float"; readonly bits: number }
  | { readonly kind: "boolean" }
  /** Only nulls: pandas writes this type for lists that are all empty. */
  | { readonly kind: "null" }
  /** `wide`: offsets of 64 bits (LargeUtf8 and so on). */
  | { readonly kind: "text" | "binary" | "list"; readonly wide: boolean }
  /** Values up to 12 bytes in the view itself, others in one of any number of buffers, as polars writes texts and bytes. */
  | { readonly kind: "text view" | "binary view" }
  | { readonly kind: "struct" }
  /** Not read, only stepped over. */
  | { readonly kind: "other"; readonly name: string; readonly buffers: number };

export interface ArrowField {
  readonly name: string;
  /** The type of the values, also if they are in a dictionary. */
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  readonly dictionary?: { readonly id: number; readonly index: ArrowType };
}

/** A part of a batch's body. Offsets count from its start. */
export interface BufferRange {
  readonly offset: number;
  readonly length: number;
}

export interface BatchMetadata {
  readonly rows: number;
  readonly nodes: readonly { readonly length: number; readonly nullCount: number }[];
  readonly buffers: readonly BufferRange[];
  /** How many further buffers each column of views has. */
  readonly variadic: readonly number[];
  readonly codec?: "lz4" | "zstd";
}

/** Far more than tables of images have; a bound for files whose tables share parts without end. */
const maxFields = 10_000;
const deepest = 32;

/** @throws FlatbufferProblem for an invalid schema */
export function readSchema(table: FlatTable): ArrowField[] {
  if (table.int16(0) !== 0) throw new FlatbufferProblem("numbers with the most significant byte first");
  const budget = { fields: maxFields };
  return table.tables(1).map((field) => readField(field, budget, 0));
}

function readField(table: FlatTable, budget: { fields: number }, depth: number): ArrowField {
  if (--budget.fields < 0 || depth > deepest) throw new FlatbufferProblem("a schema without end");
  const encoding = table.table(4);
  return {
    name: table.text(0),
    type: readType(table.int8(2), table.table(3)),
    children: table.tables(5).map((child) => readField(child, budget, depth + 1)),
    dictionary: encoding && { id: encoding.int64(0), index: indexType(encoding.table(1)) },
  };
}

function indexType(table: FlatTable | undefined): ArrowType {
  return table === undefined ? { kind: "integer", bits: 32, signed: true } : integerType(table);
}

function integerType(table: FlatTable | undefined): ArrowType {
  const bits = table?.int32(0) ?? 0;
  if (![8, 16, 32, 64].includes(bits)) throw new FlatbufferProblem(`integers of ${bits} bits`);
  return { kind: "integer", bits, signed: table?.int8(1) === 1 };
}

const floatBits = [16, 32, 64] as const;

/** Types that are stepped over: name, buffers. */
const others: Readonly<Record<number, readonly [name: string, buffers: number]>> = {
  7: ["decimal", 2],
  8: ["date", 2],
  9: ["time", 2],
  10: ["timestamp", 2],
  11: ["interval", 2],
  15: ["fixed-size binary", 2],
  16: ["fixed-size list", 1],
  17: ["map", 2],
  18: ["duration", 2],
  22: ["run-end encoded", 0],
  25: ["list view", 3],
  26: ["large list view", 3],
};

/** `Type` of Schema.fbs, by its number there. */
function readType(number: number, table: FlatTable | undefined): ArrowType {
  switch (number) {
    case 1:
      return { kind: "null" };
    case 2:
      return integerType(table);
    case 3: {
      const bits = floatBits[table?.int16(0) ?? 0];
      if (bits === undefined) throw new FlatbufferProblem("a float of unknown precision");
      return { kind: "float", bits };
    }
    case 4:
    case 19:
      return { kind: "binary", wide: number === 19 };
    case 5:
    case 20:
      return { kind: "text", wide: number === 20 };
    case 6:
      return { kind: "boolean" };
    case 12:
    case 21:
      return { kind: "list", wide: number === 21 };
    case 13:
      return { kind: "struct" };
    case 14:
      return { kind: "other", name: "union", buffers: table?.int16(0) === 1 ? 2 : 1 };
    case 23:
      return { kind: "binary view" };
    case 24:
      return { kind: "text view" };
    default: {
      const known = others[number];
      if (known === undefined) throw new FlatbufferProblem(`the unknown type ${number}`);
      return { kind: "other", name: known[0], buffers: known[1] };
    }
  }
}

/** A type as errors name it: `list<text>`. */
export function typeName({ type, children }: ArrowField): string {
  const inside = children.map(typeName).join(", ");
  if (type.kind === "other") return type.name;
  return type.kind === "list" || type.kind === "struct" ? `${type.kind}<${inside}>` : type.kind;
}

/** The `RecordBatch` of a message. @throws FlatbufferProblem for invalid lengths */
export function readBatch(table: FlatTable): BatchMetadata {
  const pair = [
    { at: 0, bits: 64 },
    { at: 8, bits: 64 },
  ] as const;
  const compression = table.table(3);
  const codec = compression === undefined ? undefined : (["lz4", "zstd"] as const)[compression.int8(0)];
  if (compression !== undefined && codec === undefined) throw new FlatbufferProblem("an unknown compression");
  const batch = {
    rows: table.int64(0),
    nodes: table.structs(1, 16, pair).map(([length, nullCount]) => ({ length: length!, nullCount: nullCount! })),
    buffers: table.structs(2, 16, pair).map(([offset, length]) => ({ offset: offset!, length: length! })),
    variadic: table.structs(4, 8, [{ at: 0, bits: 64 }]).map(([count]) => count!),
  };
  const lengths = [batch.rows, ...batch.nodes.map(({ length }) => length), ...batch.variadic];
  const ranges = batch.buffers.flatMap(({ offset, length }) => [offset, length]);
  if ([...lengths, ...ranges].some((value) => value < 0)) throw new FlatbufferProblem("a negative length");
  return codec === undefined ? batch : { ...batch, codec };
}
