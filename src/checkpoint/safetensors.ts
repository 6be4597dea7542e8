/**
 * safetensors: 8 bytes of header length, a JSON header, then the tensors' bytes end to end.
 * https://huggingface.co/docs/safetensors (format). Only the header is read, and all of it is validated.
 */

import { type OpenFile, isObject, JsonProblem, parseJson, withFile } from "../files/index.js";
import { InputError, shortJson } from "../errors.js";
import type { DType, StoredTensor } from "../graph/index.js";

import { checkedByteLength, checkedShape } from "./tensor-shape.js";

/** Names of element types in a header. */
const safetensorsDTypes = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, DType>;

/** The reference implementation's own bound. */
const maxHeader = 100_000_000;
const headerLimits = { depth: 3, keys: 4_000_000 };
const refetch = "Download or copy the file again";

/** A header entry whose shape, type and length agree; its bytes are `[begin, end)` of the data part. */
interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * The tensors of a safetensors file, by name in the file's order, without reading their bytes.
 * @throws InputError naming the file, and the tensor, if one is invalid.
 */
export function readSafetensors(path: string): Promise<Map<string, StoredTensor>> {
  return withFile(path, async (file) => {
    const headerLength = await readHeaderLength(file);
    const header = parseHeader(file, await file.read(8, headerLength));
    const dataStart = 8 + headerLength;
    checkCoverage(file, header, file.size - dataStart);
    return new Map(
      header.map(({ name, dtype, shape, begin, end }) => [
        name,
        { dtype, shape, data: { path: file.path, offset: dataStart + begin, length: end - begin } },
      ]),
    );
  });
}

async function readHeaderLength(file: OpenFile): Promise<number> {
  if (file.size < 8) {
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: "a safetensors file",
      found: file.size === 0 ? "an empty file" : `only ${file.size} bytes`,
      hint: refetch,
    });
  }
  const bytes = await file.read(0, 8);
  if (new TextDecoder().decode(bytes) === "version ") {
    throw new InputError({
      code: "unsupported-format",
      where: file.name,
      expected: "a safetensors file",
      found: "a Git LFS pointer, which only names the weights",
      hint: "Run git lfs pull in that folder",
    });
  }
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeader)) {
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: `a safetensors header of at most ${maxHeader} bytes`,
      found: `a header length of ${length.toString()}`,
      hint: `${refetch}, or check that it is a safetensors file`,
    });
  }
  if (Number(length) > file.size - 8) {
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: `a header of ${length.toString()} bytes`,
      found: `${file.size - 8} bytes after the header length`,
      hint: `${refetch}: it was cut short`,
    });
  }
  return Number(length);
}

function parseHeader(file: OpenFile, bytes: Uint8Array): Entry[] {
  const entries = entriesOf(parseJsonHeader(file, bytes));
  if (entries === undefined) {
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: "a JSON object as header",
      found: "another kind of JSON value",
    });
  }
  return entries.flatMap(([name, value]) => {
    if (name !== "__metadata__") return [parseEntry(file, name, value)];
    checkMetadata(file, value);
    return [];
  });
}

const entriesOf = (value: unknown): [string, unknown][] | undefined =>
  isObject(value) ? Object.entries(value) : undefined;

function parseJsonHeader(file: OpenFile, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, headerLimits);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: "a JSON header",
      found: error.message,
      hint: refetch,
    });
  }
}

function checkMetadata(file: OpenFile, value: unknown): void {
  const entries = entriesOf(value);
  if (entries?.every(([, text]) => typeof text === "string") !== true) {
    throw new InputError({
      code: "corrupt-file",
      where: `${file.name}: __metadata__`,
      expected: "an object of strings",
      found: "other values",
    });
  }
}

function parseEntry(file: OpenFile, name: string, value: unknown): Entry {
  const where = tensorIn(file, name);
  const fields = new Map(entriesOf(value) ?? []);
  const known = ["dtype", "shape", "data_offsets"];
  if (fields.size !== known.length || !known.every((field) => fields.has(field))) {
    const found = fields.size === 0 ? "another value" : `the fields ${[...fields.keys()].slice(0, 8).join(", ")}`;
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: "an object with dtype, shape and data_offsets",
      found,
    });
  }
  const dtype = parseDType(where, fields.get("dtype"));
  const shape = checkedShape(where, fields.get("shape"));
  const [begin, end] = parseOffsets(where, fields.get("data_offsets"));
  const length = checkedByteLength(where, dtype, shape);
  if (end - begin !== length) {
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: `${length} bytes for ${dtype} [${shape.join(", ")}]`,
      found: `data_offsets [${begin}, ${end}], which span ${end - begin}`,
    });
  }
  return { name, dtype, shape, begin, end };
}

function parseDType(where: string, value: unknown): DType {
  const names: ReadonlyMap<unknown, DType> = new Map(Object.entries(safetensorsDTypes));
  const dtype = names.get(value);
  if (dtype === undefined) {
    throw new InputError({
      code: "unsupported-format",
      where,
      expected: `a dtype among ${Object.keys(safetensorsDTypes).join(", ")}`,
      found: typeof value === "string" ? value.slice(0, 40) : "a value that is not text",
      hint: "Save the model in float32, float16 or bfloat16",
    });
  }
  return dtype;
}

function parseOffsets(where: string, value: unknown): [number, number] {
  const [begin, end, ...rest] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end) || rest.length > 0) {
    const expected = "data_offsets of two whole numbers, begin and end";
    throw new InputError({ code: "corrupt-file", where, expected, found: shortJson(value, 60) });
  }
  if (begin > end) {
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: "ascending data_offsets",
      found: `[${begin}, ${end}]`,
    });
  }
  return [begin, end];
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The format requires that every byte of the data part belongs to exactly one tensor. */
function checkCoverage(file: OpenFile, entries: readonly Entry[], dataLength: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = tensorIn(file, name);
    if (end > dataLength) {
      throw new InputError({
        code: "corrupt-file",
        where,
        expected: `bytes up to ${end} of the data part`,
        found: `${dataLength} bytes`,
        hint: `${refetch}: it was cut short`,
      });
    }
    if (begin !== covered) {
      const found = begin < covered ? "bytes that belong to another tensor too" : `a hole of ${begin - covered} bytes`;
      throw new InputError({
        code: "corrupt-file",
        where,
        expected: `data that start at ${covered}, where the previous tensor ends`,
        found,
      });
    }
    covered = end;
  }
  if (covered !== dataLength) {
    throw new InputError({
      code: "corrupt-file",
      where: file.name,
      expected: `${covered} bytes of data, as the header says`,
      found: `${dataLength} bytes`,
      hint: refetch,
    });
  }
}

/** The header's name of an element type. */
export function safetensorsName(dtype: DType): string {
  const found = Object.entries(safetensorsDTypes).find(([, ours]) => ours === dtype);
  if (found === undefined) throw new TypeError(`${dtype} has no name in safetensors`);
  return found[0];
}

/** File and tensor for messages; a name from an untrusted file may be megabytes long. */
function tensorIn(file: OpenFile, name: string): string {
  return `${file.name}: ${name.slice(0, 200)}`;
}
