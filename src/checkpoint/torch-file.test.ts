import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { HostTensor, type DType } from "../graph/index.js";
import { complaint, fixtures, temporaryFolder } from "./checkpoint-files.test-support.js";
import { ForeignObject } from "./pickle.js";
import { readTensor } from "./tensor-values.js";
import { TorchTensor, type TorchValue, readTorchFile } from "./torch-file.js";
import { legacyTorchFile } from "./torch-file.test-support.js";
import { zipBytes } from "./zip.test-support.js";

interface Expected {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly hex: string;
}

async function expectedTensors(name: string): Promise<Expected[]> {
  const text = await readFile(join(fixtures, name.replace(".bin", ".jsonl")), "utf8");
  return text.trim().split("\n").map((line) => JSON.parse(line) as Expected); // prettier-ignore
}

async function contents(value: TorchValue): Promise<Expected[]> {
  const entries = value instanceof Map ? [...value] : [];
  return Promise.all(
    entries.map(async ([name, tensor]) => {
      if (typeof name !== "string" || !(tensor instanceof TorchTensor)) throw new TypeError("not a state dict");
      const { dtype, shape, data } = await readTensor(tensor);
      return { name, dtype, shape, hex: Buffer.from(data.buffer).toString("hex") };
    }),
  );
}

test.each([
  "every-type.bin",
  "views.bin",
  "module.bin",
  "protocol-3.bin",
  "protocol-4.bin",
  "protocol-5.bin",
  "untyped.bin",
  "sharded/pytorch_model-00002-of-00002.bin",
])("%s holds what torch wrote", async (name) => {
  expect(await contents(await readTorchFile(join(fixtures, name)))).toEqual(await expectedTensors(name));
});

test("contiguous tensors are read from the file, and shared ones share it; only the others are gathered", async () => {
  const value = await readTorchFile(join(fixtures, "views.bin"));
  const tensors = new Map(value instanceof Map ? value : []) as Map<string, TorchTensor>;
  const inMemory = [...tensors].filter(([, { data }]) => data instanceof Uint8Array).map(([name]) => name);
  expect(inMemory).toEqual(["transposed", "permuted", "every_other", "expanded"]);
  expect(tensors.get("same")!.data).toEqual(tensors.get("whole")!.data);
});

test("other structures become plain values", async () => {
  const value = await readTorchFile(join(fixtures, "trainer.bin"));
  expect(value).toEqual(
    new Map<string, unknown>([
      ["state_dict", new Map([["weight", expect.any(TorchTensor)]])],
      ["epoch", 3],
      ["lr", 0.5],
      ["names", ["a", "b"]],
    ]),
  );
});

test("a pickle that would run a command is refused by name, and nothing runs", async () => {
  expect(await complaint(fixtures, readTorchFile(join(fixtures, "command.bin")))).toMatchInlineSnapshot(
    `"command.bin: data.pkl: expected tensors and plain values only, found a reference to posix.system. Use a file that holds only tensors, preferably as safetensors; no code in this one was run."`,
  );
  await expect(access("executed-by-pickle")).rejects.toThrow();
});

test("foreign objects are kept without running their command", async () => {
  const value = await readTorchFile(join(fixtures, "command.bin"), { foreign: "keep" });
  expect(value).toEqual(new Map<string, unknown>([["weight", expect.any(TorchTensor)], ["extra", new ForeignObject("posix.system")]])); // prettier-ignore
  await expect(access("executed-by-pickle")).rejects.toThrow();
});

test("a class of somebody else's is refused by name", async () => {
  const message = await complaint(fixtures, readTorchFile(join(fixtures, "unknown-global.bin")));
  expect(message).toContain("a reference to somebody.elses.Custom");
});

/** A tensor of 4 float32 in `a/data/0`, with a pickle in which offset, size and stride can be chosen. */
function tensorFile({
  offset = "K\x00",
  size = "K\x04\x85",
  stride = "K\x01\x85",
  key = "0",
  elements = "K\x04",
} = {}) {
  const storage = `(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00${key}X\x03\x00\x00\x00cpu${elements}tQ`;
  const tensor = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${offset}${size}${stride}\x89NtR`;
  return [
    { name: "a/data.pkl", bytes: Buffer.from(`\x80\x02}X\x01\x00\x00\x00w${tensor}s.`, "latin1") },
    { name: "a/data/0", bytes: new Uint8Array(16) },
  ];
}

test("the hand-made file is sound", async () => {
  const path = join(await temporaryFolder(), "x.bin");
  await writeFile(path, zipBytes(tensorFile()));
  expect(await contents(await readTorchFile(path))).toEqual([
    { name: "w", dtype: "float32", shape: [4], hex: "00".repeat(16) },
  ]);
});

const huge = "J\xff\xff\xff\x7f";

test.each<[string, Uint8Array]>([
  ["offset past the storage", zipBytes(tensorFile({ offset: "K\x01" }))],
  ["size past the storage", zipBytes(tensorFile({ size: "K\x05\x85" }))],
  ["stride past the storage", zipBytes(tensorFile({ stride: "K\x02\x85" }))],
  ["negative stride", zipBytes(tensorFile({ stride: "J\xff\xff\xff\xff\x85" }))],
  ["negative offset", zipBytes(tensorFile({ offset: "J\xff\xff\xff\xff" }))],
  ["more sizes than strides", zipBytes(tensorFile({ size: "K\x02K\x02\x86" }))],
  ["a view of 8 GB on 16 bytes", zipBytes(tensorFile({ size: `${huge}\x85`, stride: "K\x00\x85" }))],
  ["sizes beyond any file", zipBytes(tensorFile({ size: `${huge}${huge}${huge}\x87`, stride: "K\x00K\x00K\x00\x87" }))],
  ["a storage that is not there", zipBytes(tensorFile({ key: "7" }))],
  ["a storage longer than its entry", zipBytes(tensorFile({ elements: "K\x05" }))],
  ["no data.pkl", zipBytes([{ name: "a/other", bytes: new Uint8Array(1) }])],
  ["big-endian", zipBytes([...tensorFile(), { name: "a/byteorder", bytes: Buffer.from("big") }])],
  ["a truncated zip", zipBytes(tensorFile()).subarray(0, 100)],
  ["an empty file", new Uint8Array(0)],
  ["a tar file", Buffer.from("\0".repeat(257) + "ustar".padEnd(300, "\0"))],
  ["an LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\n")],
  ["a web page", Buffer.from("<!doctype html>")],
])("refuses: %s", async (_, bytes) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.bin");
  await writeFile(path, bytes);
  expect(await complaint(folder, readTorchFile(path))).toMatchSnapshot();
});

test("the format before torch 1.6, as torch wrote it", async () => {
  expect(await contents(await readTorchFile(join(fixtures, "legacy.bin")))).toEqual([
    { name: "weight", dtype: "float32", shape: [1], hex: "0000803f" },
  ]);
});

const vector = (...values: number[]) => new HostTensor("float32", [values.length], Float32Array.from(values));
const legacy = () => Buffer.from(legacyTorchFile({ a: vector(1, 2), b: vector(3), epoch: 7 }));

/** The bytes with one text, in Latin-1, in the place of another of the same length. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(Buffer.from(from, "latin1"));
  if (at < 0 || from.length !== to.length) throw new RangeError("no such bytes");
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to, "latin1"), bytes.subarray(at + from.length)]);
}

test("several storages of the format before torch 1.6 are read from their places in the file", async () => {
  const path = join(await temporaryFolder(), "x.bin");
  await writeFile(path, legacy());
  const value = (await readTorchFile(path)) as Map<string, TorchValue>;
  expect(value.get("epoch")).toBe(7);
  value.delete("epoch");
  expect((await contents(value)).map(({ name, hex }) => [name, hex])).toEqual([
    ["a", "0000803f00000040"],
    ["b", "00004040"],
  ]);
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ["cut short in the last storage", (bytes) => bytes.subarray(0, -1)],
  ["cut short before it", (bytes) => bytes.subarray(0, -8)],
  ["cut short in the pickle", (bytes) => bytes.subarray(0, 200)],
  ["another version", (bytes) => replaced(bytes, "M\xe9\x03", "M\xe8\x03")],
  ["big-endian", (bytes) => replaced(bytes, "little_endian\x88", "little_endian\x89")],
  ["another number of elements", (bytes) => replaced(bytes, "\x01\x00\x00\x00\x00\x00\x00\x00", "\x02\x00\x00\x00\x00\x00\x00\x00")], // prettier-ignore
  ["a storage of 8 GB", (bytes) => replaced(bytes, "cpuJ\x02\x00\x00\x00", "cpuJ\xff\xff\xff\x7f")],
  ["a name that would be called", (bytes) => replaced(bytes, "ctorch\nFloatStorage", "cos\nsystemFloatStor")],
])("refuses the format before torch 1.6: %s", async (_, change) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.bin");
  await writeFile(path, change(legacy()));
  expect(await complaint(folder, readTorchFile(path))).toMatchSnapshot();
});

test("pickles of protocol 1, which writes numbers and booleans as lines", async () => {
  const path = join(await temporaryFolder(), "x.bin");
  const [data, storage] = tensorFile();
  const pickle = Buffer.from(data!.bytes).toString("latin1").replace("\x80\x02", "").replace("\x89", "I00\n");
  const oldSizes = pickle.replace("K\x04\x85", "(K\x04t").replace("K\x01\x85", "(L1L\nt");
  await writeFile(path, zipBytes([{ name: data!.name, bytes: Buffer.from(oldSizes, "latin1") }, storage!]));
  expect(await contents(await readTorchFile(path))).toEqual([
    { name: "w", dtype: "float32", shape: [4], hex: "00".repeat(16) },
  ]);
});
