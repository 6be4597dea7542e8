/** Columns of the tables: their types, and rows turned into Arrow's buffers. */
import {
  Binary,
  type Data,
  type DataType,
  Field,
  Float64,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
} from "apache-arrow";

export type ColumnType = "binary" | "string" | "int64" | "double" | { readonly list: ColumnType };
export type Columns = Readonly<Record<string, ColumnType>>;
export type Value = Uint8Array | string | number | readonly Value[];
/** A value for each column. */
export type Row = Readonly<Record<string, Value>>;

/** The schema as pyarrow makes it: every field may be null, what lists hold is called `item`. */
export function schemaOf(columns: Columns, metadata?: ReadonlyMap<string, string>): Schema {
  const fields = Object.entries(columns).map(([name, type]) => new Field(name, arrowType(type), true));
  return new Schema(fields, new Map(metadata));
}

/** Rows as one batch. Binary and text columns may hold 2 GiB each. */
export function batchOf(columns: Columns, rows: readonly Row[]): RecordBatch {
  const schema = schemaOf(columns);
  const children = Object.entries(columns).map(([name, type]) =>
    dataOf(
      name,
      type,
      rows.map((row) => row[name]!),
    ),
  );
  const data = makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children });
  return new RecordBatch(schema, data);
}

function arrowType(type: ColumnType): DataType {
  if (typeof type === "object") return new List(new Field("item", arrowType(type.list), true));
  switch (type) {
    case "binary":
      return new Binary();
    case "string":
      return new Utf8();
    case "int64":
      return new Int64();
    case "double":
      return new Float64();
  }
}

function dataOf(name: string, type: ColumnType, values: readonly Value[]): Data {
  const length = values.length;
  const wrong = (): never => {
    throw new TypeError(`column ${name}: a value is not of type ${JSON.stringify(type)}`);
  };
  if (typeof type === "object") {
    const lists = values.map((value) => (isList(value) ? value : wrong()));
    const list = new List(new Field("item", arrowType(type.list), true));
    const child = dataOf(name, type.list, lists.flat());
    return makeData({ type: list, length, nullCount: 0, valueOffsets: offsetsOf(lists), child });
  }
  switch (type) {
    case "binary": {
      const parts = values.map((value) => (value instanceof Uint8Array ? value : wrong()));
      return makeData({
        type: new Binary(),
        length,
        nullCount: 0,
        valueOffsets: offsetsOf(parts),
        data: Buffer.concat(parts),
      });
    }
    case "string": {
      const parts = values.map((value) => (typeof value === "string" ? Buffer.from(value) : wrong()));
      return makeData({
        type: new Utf8(),
        length,
        nullCount: 0,
        valueOffsets: offsetsOf(parts),
        data: Buffer.concat(parts),
      });
    }
    case "int64": {
      const data = BigInt64Array.from(values, (value) =>
        Number.isSafeInteger(value) ? BigInt(Number(value)) : wrong(),
      );
      return makeData({ type: new Int64(), length, nullCount: 0, data });
    }
    case "double": {
      const data = Float64Array.from(values, (value) => (typeof value === "number" ? value : wrong()));
      return makeData({ type: new Float64(), length, nullCount: 0, data });
    }
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Where each part begins when they stand one after the other, and where the last one ends. */
function offsetsOf(parts: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = offsets[i]! + part.length));
  return offsets;
}
