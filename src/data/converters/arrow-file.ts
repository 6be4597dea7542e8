/** Arrow IPC files written batch by batch: what is in memory is one batch, not the table. */
import type { FileHandle } from "node:fs/promises";
import { type RecordBatch, RecordBatchFileWriter, RecordBatchReader } from "apache-arrow";
import { batchOf, type Columns, type Row, schemaOf } from "./columns.js";

/** Gives what it would queue: the library's queue grows without limit where the disk is slower. */
class CollectingWriter extends RecordBatchFileWriter {
  private chunks: Uint8Array[] = [];

  take(): Uint8Array[] {
    const { chunks } = this;
    this.chunks = [];
    return chunks;
  }

  /** The schema stands in the footer, after the batches: its metadata may tell what became of them. */
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

  /** @param batchBytes how large a batch may grow before it is written; a row larger than that is a batch by itself */
  constructor(
    private readonly handle: FileHandle,
    private readonly columns: Columns,
    private readonly batchBytes: number,
  ) {}

  /** @param bytes about how large the row is */
  async add(row: Row, bytes: number): Promise<void> {
    this.rows.push(row);
    this.bytes += bytes;
    if (this.bytes >= this.batchBytes) await this.flush();
  }

  /** Writes what is left, and the footer. At least one row must have been added. */
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

/** The metadata of an Arrow IPC file's schema; undefined for anything that is no such file. */
export async function readMetadata(handle: FileHandle): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const reader = await RecordBatchReader.from(handle);
    await reader.open();
    return reader.schema.metadata;
  } catch {
    return undefined;
  }
}
