import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { complaint, safetensorsBytes, temporaryFolder } from "./checkpoint-files.test-support.js";
import { readSafetensors } from "./safetensors.js";

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const float = entry("F32", [1], 0, 4);

test("offsets are relative to the end of the header, and data stay in the file", async () => {
  const path = join(await temporaryFolder(), "a.safetensors");
  const header = {
    b: entry("BF16", [2, 1], 4, 8),
    a: float,
    none: entry("I64", [0, 7], 8, 8),
    one: entry("BOOL", [], 8, 9),
  };
  const bytes = safetensorsBytes({ __metadata__: { format: "pt" }, ...header }, 9);
  await writeFile(path, bytes);
  const tensors = await readSafetensors(path);
  const start = bytes.length - 9;
  expect([...tensors.keys()]).toEqual(["b", "a", "none", "one"]);
  expect(tensors.get("b")).toEqual({ dtype: "bfloat16", shape: [2, 1], data: { path, offset: start + 4, length: 4 } });
  expect(tensors.get("none")).toEqual({ dtype: "int64", shape: [0, 7], data: { path, offset: start + 8, length: 0 } });
  expect(tensors.get("one")).toEqual({ dtype: "bool", shape: [], data: { path, offset: start + 8, length: 1 } });
});

test("a parameter called __proto__ is a parameter", async () => {
  const path = join(await temporaryFolder(), "a.safetensors");
  await writeFile(path, safetensorsBytes('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1));
  expect([...(await readSafetensors(path)).keys()]).toEqual(["__proto__"]);
});

const headerLength = (length: bigint) => new Uint8Array(new BigUint64Array([length, 0n]).buffer);

test.each<[name: string, bytes: Uint8Array]>([
  ["empty", new Uint8Array(0)],
  ["seven bytes", new Uint8Array(7)],
  ["header longer than the file", headerLength(9n)],
  ["header over 100 MB", headerLength(100_000_001n)],
  ["header length over 2^63", headerLength(0xffffffffffffffffn)],
  ["LFS pointer", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0")],
  ["not UTF-8", new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])],
  ["not JSON", safetensorsBytes("{nonsense}", 0)],
  ["unclosed text", safetensorsBytes('{"a', 0)],
  ["an array", safetensorsBytes([], 0)],
  ["null", safetensorsBytes("null", 0)],
  ["duplicate names", safetensorsBytes(`{"a":${JSON.stringify(float)},"\\u0061":${JSON.stringify(float)}}`, 4)],
  ["deep nesting", safetensorsBytes("[".repeat(100_000), 0)],
  ["an entry that is text", safetensorsBytes({ a: "x" }, 0)],
  ["a field too many", safetensorsBytes({ a: { ...float, more: 1 } }, 4)],
  ["inherited fields", safetensorsBytes('{"a":{"__proto__":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}}', 1)],
  ["unknown dtype", safetensorsBytes({ a: entry("F8_E4M3", [1], 0, 1) }, 1)],
  ["dtype of the prototype", safetensorsBytes({ a: entry("constructor", [1], 0, 1) }, 1)],
  ["negative size", safetensorsBytes({ a: entry("F32", [-1], 0, 4) }, 4)],
  ["fractional size", safetensorsBytes({ a: entry("F32", [1.5], 0, 6) }, 6)],
  ["unsafe size", safetensorsBytes({ a: entry("F32", [2 ** 53], 0, 4) }, 4)],
  ["overflowing product", safetensorsBytes({ a: entry("F32", [2 ** 40, 2 ** 40], 0, 4) }, 4)],
  ["size as text", safetensorsBytes({ a: entry("F32", ["1"], 0, 4) }, 4)],
  ["shape as number", safetensorsBytes({ a: entry("F32", 1, 0, 4) }, 4)],
  ["65 dimensions", safetensorsBytes({ a: entry("F32", Array(65).fill(1), 0, 4) }, 4)],
  ["three offsets", safetensorsBytes({ a: { ...float, data_offsets: [0, 4, 4] } }, 4)],
  ["reversed offsets", safetensorsBytes({ a: entry("F32", [1], 4, 0) }, 4)],
  ["negative offset", safetensorsBytes({ a: entry("F32", [1], -4, 0) }, 4)],
  ["length unlike shape", safetensorsBytes({ a: entry("F32", [2], 0, 4) }, 4)],
  ["beyond the end", safetensorsBytes({ a: float }, 3)],
  ["overlap", safetensorsBytes({ a: float, b: entry("F32", [1], 2, 6) }, 6)],
  ["hole", safetensorsBytes({ a: float, b: entry("F32", [1], 6, 10) }, 10)],
  ["trailing bytes", safetensorsBytes({ a: float }, 5)],
  ["metadata with a number", safetensorsBytes({ __metadata__: { a: 1 } }, 0)],
  ["metadata as text", safetensorsBytes({ __metadata__: "pt" }, 0)],
  ["a name with a line break", safetensorsBytes({ "a\nb": entry("F32", [2], 0, 4) }, 4)],
])("refuses: %s", async (_, bytes) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.safetensors");
  await writeFile(path, bytes);
  expect(await complaint(folder, readSafetensors(path))).toMatchSnapshot();
});

test("a folder in place of the file, and no file at all", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "x.safetensors"));
  expect(await complaint(folder, readSafetensors(join(folder, "x.safetensors")))).toBe(
    "x.safetensors: expected a file, found a folder. Check the path.",
  );
  expect(await complaint(folder, readSafetensors(join(folder, "y.safetensors")))).toBe(
    "y.safetensors: expected a file that can be read, found no such file. Check the path and its permissions.",
  );
});
