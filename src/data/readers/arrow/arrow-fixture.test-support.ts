/** Arrow streams with any metadata, for tests. */

import { Message, type Schema } from "apache-arrow";
import { BufferRegion, FieldNode, RecordBatch } from "apache-arrow/ipc/metadata/message";

export interface BatchClaims {
  readonly rows: number;
  /** Length and nulls of each column, children after their parents. */
  readonly nodes: readonly (readonly [length: number, nulls: number])[];
  /** Offset and length of each buffer in the body. */
  readonly buffers: readonly (readonly [offset: number, length: number])[];
  readonly bodyLength: number;
}

/** The schema and the metadata of one batch; its body comes after them. */
export function streamHead(schema: Schema, claims: BatchClaims): Uint8Array {
  const batch = new RecordBatch(
    claims.rows,
    claims.nodes.map(([length, nulls]) => new FieldNode(length, nulls)),
    claims.buffers.map(([offset, length]) => new BufferRegion(offset, length)),
    null,
  );
  return Buffer.concat([framed(Message.from(schema)), framed(Message.from(batch, claims.bodyLength))]);
}

function framed(message: Message): Uint8Array {
  const bytes = Message.encode(message);
  const length = Math.ceil((8 + bytes.length) / 8) * 8;
  const frame = Buffer.alloc(length);
  frame.writeUInt32LE(0xffffffff, 0);
  frame.writeInt32LE(length - 8, 4);
  frame.set(bytes, 8);
  return frame;
}
