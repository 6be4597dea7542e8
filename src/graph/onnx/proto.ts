/**
 * The messages of onnx.proto that a graph needs, written with protobuf-es's wire encoder.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (IR version 10).
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { dtypes } from "../dtype.js";
import type { Dim, TensorType } from "../tensor.js";
import type { OnnxAttribute } from "./emitter.js";

export type { BinaryWriter };

const irVersion = 10;
/** The lowest opset that has every operator of the table; `Gelu` came with 20. */
const opset = 20;

/** Bytes of an initializer: inline, or a run of bytes in a file beside the model. */
export type TensorBytes = Uint8Array | { readonly location: string; readonly offset: number; readonly length: number };

type Message = (writer: BinaryWriter) => void;

function message(writer: BinaryWriter, field: number, write: Message): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

/** The domain of ONNX Runtime's own operators. */
export const runtimeDomain = "com.microsoft";

/** ModelProto. @param graph writes the fields of its GraphProto and returns whether it uses ONNX Runtime's own operators */
export function modelProto(graph: (writer: BinaryWriter) => { readonly runtimeOps: boolean }): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  integer(writer, 1, irVersion);
  text(writer, 2, "bridgetower");
  let used = { runtimeOps: false };
  message(writer, 7, (w) => {
    used = graph(w);
  });
  const imports = [{ domain: "", version: opset }, ...(used.runtimeOps ? [{ domain: runtimeDomain, version: 1 }] : [])];
  for (const { domain, version } of imports) {
    message(writer, 8, (w) => {
      text(w, 1, domain);
      integer(w, 2, version);
    });
  }
  return writer.finish();
}

/** Fields of GraphProto. They may be in any order, so each is written when it is known. */
export const graphProto = {
  node(
    writer: BinaryWriter,
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    domain = "",
  ): void {
    message(writer, 1, (w) => {
      for (const name of inputs) text(w, 1, name);
      for (const name of outputs) text(w, 2, name);
      text(w, 3, outputs[0]!);
      text(w, 4, op);
      for (const [name, value] of Object.entries(attributes)) message(w, 5, (a) => attribute(a, name, value));
      if (domain !== "") text(w, 7, domain);
    });
  },
  name: (writer: BinaryWriter, name: string): void => text(writer, 2, name),
  initializer(
    writer: BinaryWriter,
    name: string,
    { dtype, shape }: { dtype: TensorType["dtype"]; shape: readonly number[] },
    bytes: TensorBytes,
  ): void {
    message(writer, 5, (w) => {
      for (const size of shape) integer(w, 1, size);
      integer(w, 2, dtypes[dtype].onnx);
      text(w, 8, name);
      if (bytes instanceof Uint8Array) {
        w.tag(9, WireType.LengthDelimited).bytes(bytes);
        return;
      }
      for (const [key, value] of Object.entries(bytes)) {
        message(w, 13, (entry) => {
          text(entry, 1, key);
          text(entry, 2, String(value));
        });
      }
      integer(w, 14, 1);
    });
  },
  input: (writer: BinaryWriter, name: string, type: TensorType): void => valueInfo(writer, 11, name, type),
  output: (writer: BinaryWriter, name: string, type: TensorType): void => valueInfo(writer, 12, name, type),
};

function attribute(writer: BinaryWriter, name: string, value: OnnxAttribute): void {
  const kinds = { float: 1, int: 2, string: 3, ints: 7 };
  text(writer, 1, name);
  if (typeof value === "number") {
    integer(writer, 3, value);
    integer(writer, 20, kinds.int);
  } else if (typeof value === "string") {
    text(writer, 4, value);
    integer(writer, 20, kinds.string);
  } else if ("float" in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    integer(writer, 20, kinds.float);
  } else {
    for (const entry of value) integer(writer, 8, entry);
    integer(writer, 20, kinds.ints);
  }
}

function valueInfo(writer: BinaryWriter, field: number, name: string, { dtype, shape }: TensorType): void {
  message(writer, field, (value) => {
    text(value, 1, name);
    message(value, 2, (type) =>
      message(type, 1, (tensor) => {
        integer(tensor, 1, dtypes[dtype].onnx);
        message(tensor, 2, (dims) => {
          for (const dim of shape) message(dims, 1, (d) => dimension(d, dim));
        });
      }),
    );
  });
}

function dimension(writer: BinaryWriter, dim: Dim): void {
  if (typeof dim === "number") integer(writer, 1, dim);
  else text(writer, 2, dim);
}
