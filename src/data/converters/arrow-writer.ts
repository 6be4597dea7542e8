/** Arrow IPC files written batch by batch, so that one batch is in memory and not the whole table. */
import { type FileHandle, open } from "node:fs/promises";
import { fileError, systemCode } from "../../files/index.js";
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
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
  Utf8,
} from "apache-arrow";

export type ColumnType = "binary" | "string" | "int64" | "double" | { readonly list: ColumnType };
export type Columns = Readonly<Record<string, ColumnType>>;
export type Value = Uint8Array | string | number | readonly Value[];
/** A value for each column. */
export type Row = Readonly<Record<string, Value>>;

/** Returns the chunks that the base class would queue: its queue grows without limit if the disk is slow. */
class CollectingWriter extends RecordBatchFileWriter {
  private chunks: Uint8Array[] = [];

  take(): Uint8Array[] {
    const { chunks } = this;
    this.chunks = [];
    return chunks;
  }

  /** The schema is written to the footer, after the batches, so its metadata may describe them. */
  closeWith(columns: Columns, metadata: ReadonlyMap<string, string>): void {
    this._schema = schemaOf(columns, metadata);
    this.close();
  }

  protected override _write(chunk: ArrayBuffer | ArrayBufferView): this {
    if (!this._started || chunk.byteLength === 0) return this;
    const bytes = ArrayBuffer.isView(chunk)
      ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      : new Uint8Array(chunk);
    this.chunks.push(bytes);
    this._position += bytes.byteLength;
    return this;
  }
}

export class ArrowFileWriter {
  private readonly writer = new CollectingWriter();
  private rows: Row[] = [];
  private bytes = 0;

  /** @param batchBytes size at which a batch is written; a larger row is a batch by itself */
  constructor(
    private readonly handle: FileHandle,
    private readonly columns: Columns,
    private readonly batchBytes: number,
  ) {}

  /** @param bytes approximate size of the row */
  async add(row: Row, bytes: number): Promise<void> {
    this.rows.push(row);
    this.bytes += bytes;
    if (this.bytes >= this.batchBytes) await this.flush();
  }

  /** Writes the remaining rows and the footer. At least one row must have been added. */
  async finish(metadata: ReadonlyMap<string, string>): Promise<void> {
    if (this.rows.length > 0) await this.flush();
    this.writer.closeWith(this.columns, metadata);
    await this.drain();
  }

  private async flush(): Promise<void> {
    const batch: RecordBatch = batchOf(this.columns, this.rows);
    this.rows = [];
    this.bytes = 0;
    this.writer.write(batch);
    await this.drain();
  }

  private async drain(): Promise<void> {
    for (const chunk of this.writer.take()) await this.handle.writeFile(chunk);
  }
}

/** The metadata of an Arrow IPC file's schema; undefined if the file is not one. */
export async function readMetadata(path: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const handle = await open(path, "r");
    try {
      const reader = await RecordBatchReader.from(handle);
      await reader.open();
      return reader.schema.metadata;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) !== undefined) throw fileError(path, error);
    return undefined;
  }
}

/** The schema as pyarrow makes it: every field is nullable, and the items of lists are called `item`. */
function schemaOf(columns: Columns, metadata?: ReadonlyMap<string, string>): Schema {
  const fields = Object.entries(columns).map(([name, type]) => new Field(name, arrowType(type), true));
  return new Schema(fields, new Map(metadata));
}

/** Rows as one batch. Binary and text columns may have up to 2 GiB each. */
function batchOf(columns: Columns, rows: readonly Row[]): RecordBatch {
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

/** The start of each part in their concatenation, and the end of the last one. [parts + 1] */
function offsetsOf(parts: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = offsets[i]! + part.length));
  return offsets;
}
