/** Writes small files as torch.save does: in the zip format, or in the one before torch 1.6. */
import { HostTensor, type DType } from "../graph/index.js";
import { zipBytes } from "./zip.test-support.js";

export type TorchContent =
  null | boolean | number | string | HostTensor | readonly TorchContent[] | { readonly [key: string]: TorchContent };

const storageClasses: Partial<Record<DType, string>> = {
  float32: "FloatStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  uint8: "ByteStorage",
};

const int32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return `J${bytes.toString("latin1")}`;
};
const text = (value: string): string => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return `X${length.toString("latin1")}${bytes.toString("latin1")}`;
};
const tuple = (...items: readonly string[]): string => `(${items.join("")}t`;

/** The pickle of a value, without PROTO and STOP, and the storages of its tensors. */
function pickled(content: TorchContent, storages: HostTensor[], isLegacy: boolean): string {
  const write = (value: TorchContent): string => {
    if (value === null) return "N";
    if (typeof value === "boolean") return value ? "\x88" : "\x89";
    if (typeof value === "number") return int32(value);
    if (typeof value === "string") return text(value);
    if (value instanceof HostTensor) {
      const key = String(storages.push(value) - 1);
      const storage = [`ctorch\n${storageClasses[value.dtype]!}\n`, text(key), text("cpu"), int32(value.data.length)];
      const id = tuple(text("storage"), ...storage, ...(isLegacy ? ["N"] : []));
      const strides = value.shape.map((_, axis) => value.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
      const sizes = [value.shape, strides].map((list) => tuple(...list.map(int32)));
      return `ctorch._utils\n_rebuild_tensor_v2\n${tuple(`${id}Q`, int32(0), ...sizes, "\x89", "ccollections\nOrderedDict\n)R")}R`;
    }
    if (Array.isArray(value)) return `](${value.map(write).join("")}e`;
    return `}(${Object.entries(value)
      .map(([key, one]) => text(key) + write(one))
      .join("")}u`;
  };
  return write(content);
}

const bytesOf = ({ data }: HostTensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

export function torchFile(content: TorchContent): Uint8Array {
  const storages: HostTensor[] = [];
  const pickle = Buffer.from(`\x80\x02${pickled(content, storages, false)}.`, "latin1");
  return zipBytes([
    { name: "archive/data.pkl", bytes: pickle },
    ...storages.map((tensor, key) => ({ name: `archive/data/${key}`, bytes: bytesOf(tensor) })),
  ]);
}

const littleEndian = "}X\x0d\x00\x00\x00little_endian\x88s";

/** The format before torch 1.6. */
export function legacyTorchFile(content: TorchContent): Uint8Array {
  const storages: HostTensor[] = [];
  const pickle = pickled(content, storages, true);
  const keys = `](${storages.map((_, key) => text(String(key))).join("")}e`;
  const parts = ["\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", "M\xe9\x03", littleEndian, pickle, keys];
  const values = storages.flatMap((tensor) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(tensor.data.length));
    return [count, bytesOf(tensor)];
  });
  return Buffer.concat([...parts.map((part) => Buffer.from(`\x80\x02${part}.`, "latin1")), ...values]);
}
