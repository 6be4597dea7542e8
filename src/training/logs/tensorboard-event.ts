/**
 * TensorBoard's event files: messages in TFRecord framing. Field numbers: tensorboard/compat/proto/{event,summary,tensor}.proto of
 * tensorboard 2.21.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export type EventContent =
  | { readonly kind: "version" }
  /** A session starts: earlier files are hidden from this event's step. */
  | { readonly kind: "start" }
  | { readonly kind: "scalars"; readonly values: Readonly<Record<string, number>> }
  /** Markdown. */
  | { readonly kind: "text"; readonly tag: string; readonly text: string };

type Message = (writer: BinaryWriter) => void;

/** Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7. */
export function eventMessage(wallTime: number, step: number, content: EventContent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Bit64).double(wallTime);
  writer.tag(2, WireType.Varint).int64(step);
  switch (content.kind) {
    case "version":
      text(writer, 3, "brain.Event:2");
      break;
    case "start":
      // SessionLog: status 1, of which START is 1.
      message(writer, 7, (log) => log.tag(1, WireType.Varint).int32(1));
      break;
    case "scalars":
      message(writer, 5, (summary) => {
        for (const [tag, value] of Object.entries(content.values)) message(summary, 1, scalarValue(tag, value));
      });
      break;
    case "text":
      message(writer, 5, (summary) => message(summary, 1, textValue(content.tag, content.text)));
      break;
  }
  return writer.finish();
}

/** Value: tag 1, simple_value 2. Readers of both generations know it, whereas a tensor is for the younger one. */
const scalarValue =
  (tag: string, value: number): Message =>
  (writer) => {
    text(writer, 1, tag);
    writer.tag(2, WireType.Bit32).float(value);
  };

/** Value: tag 1, tensor 8 (dtype 1: DT_STRING is 7; shape 2; string_val 8), metadata 9 (plugin_data 1, data_class 4: tensor is 2). */
const textValue =
  (tag: string, content: string): Message =>
  (writer) => {
    text(writer, 1, tag);
    message(writer, 8, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(7);
      message(tensor, 2, (shape) => message(shape, 2, (dim) => dim.tag(1, WireType.Varint).int64(1)));
      text(tensor, 8, content);
    });
    message(writer, 9, (metadata) => {
      message(metadata, 1, (plugin) => text(plugin, 1, "text"));
      metadata.tag(4, WireType.Varint).int32(2);
    });
  };

function message(writer: BinaryWriter, field: number, write: Message): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

/** CRC-32C (Castagnoli, polynomial 0x1EDC6F41, bits reversed) of each byte. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

/** Rotated by 15 bits plus a constant, as the format requires: checksums of bytes that contain checksums are weak. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Length, its checksum, bytes, their checksum. https://www.tensorflow.org/tutorials/load_data/tfrecord */
export function tfRecord(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + bytes.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc(bytes), true);
  return record;
}
