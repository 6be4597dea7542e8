/** The content of a written model, read back field by field: nodes and initializers of the graph. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ReadInitializer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dtype: number;
  /** `location`, `offset` and `length` of external data; empty if the bytes are in the model. */
  readonly external: Readonly<Record<string, string>>;
  readonly bytes: number;
}

export interface ReadModel {
  /** `Add(a, b) -> Add_0` */
  readonly nodes: readonly string[];
  /** The operators of `nodes`, in order. */
  readonly operators: readonly string[];
  readonly initializers: readonly ReadInitializer[];
}

/** Calls `field` for each field with its number and a reader that must consume it. */
function fields(bytes: Uint8Array, field: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (!field(number, reader)) reader.skip(type, type === WireType.StartGroup ? number : undefined);
  }
}

export function readModel(model: Uint8Array): ReadModel {
  const nodes: string[] = [];
  const operators: string[] = [];
  const initializers: ReadInitializer[] = [];
  fields(model, (number, reader) => {
    if (number !== 7) return false;
    fields(reader.bytes(), (part, graph) => {
      if (part === 1) {
        const { op, text } = readNode(graph.bytes());
        operators.push(op);
        nodes.push(text);
      } else if (part === 5) initializers.push(readInitializer(graph.bytes()));
      else return false;
      return true;
    });
    return true;
  });
  return { nodes, operators, initializers };
}

function readNode(bytes: Uint8Array): { op: string; text: string } {
  const inputs: string[] = [];
  let output = "";
  let op = "";
  fields(bytes, (number, reader) => {
    if (number === 1) inputs.push(reader.string());
    else if (number === 2) output = reader.string();
    else if (number === 4) op = reader.string();
    else return false;
    return true;
  });
  return { op, text: `${op}(${inputs.join(", ")}) -> ${output}` };
}

function readInitializer(bytes: Uint8Array): ReadInitializer {
  const dims: number[] = [];
  const external: Record<string, string> = {};
  let name = "";
  let dtype = 0;
  let size = 0;
  fields(bytes, (number, reader) => {
    if (number === 1) dims.push(Number(reader.int64()));
    else if (number === 2) dtype = Number(reader.int64());
    else if (number === 8) name = reader.string();
    else if (number === 9) size = reader.bytes().length;
    else if (number === 13) {
      const entry: string[] = [];
      fields(reader.bytes(), (_, part) => entry.push(part.string()) > 0);
      external[entry[0]!] = entry[1]!;
    } else return false;
    return true;
  });
  return { name, dims, dtype, external, bytes: size };
}
