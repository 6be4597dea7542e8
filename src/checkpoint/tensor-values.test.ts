import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { HostTensor } from "../graph/host-tensor.js";
import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { readTensor, toFloat32 } from "./tensor-values.js";

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** IEEE 754's definition, in doubles: (-1)^sign · 2^e · 1.fraction, without a leading one in subnormals. */
function valueOf(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

test.each([
  ["float16", 5],
  ["bfloat16", 8],
] as const)("every %s pattern becomes its exact value", (dtype, exponentBits) => {
  const values = toFloat32(new HostTensor(dtype, [65536], everyPattern));
  const wrong = everyPattern.filter((bits) => !Object.is(values[bits], valueOf(bits, exponentBits)));
  expect(wrong).toEqual(new Uint16Array());
});

test("float64 goes to the nearest float32, float32 to itself without a copy, whole numbers to their value", () => {
  const doubles = new HostTensor("float64", [3], Float64Array.of(0.1, 1e39, -0));
  expect(toFloat32(doubles)).toEqual(Float32Array.of(Math.fround(0.1), Infinity, -0));
  const floats = Float32Array.of(1, 2);
  expect(toFloat32(new HostTensor("float32", [2], floats))).toBe(floats);
  expect(toFloat32(new HostTensor("int64", [1], BigInt64Array.of(-3n)))).toEqual(Float32Array.of(-3));
});

test("bytes at an odd offset are read, from a file as from memory", async () => {
  const path = join(await temporaryFolder(), "x");
  const bytes = Uint8Array.of(9, 0, 0, 128, 63, 0, 0, 0, 192);
  await writeFile(path, bytes);
  const expected = new HostTensor("float32", [2], Float32Array.of(1, -2));
  const type = { dtype: "float32", shape: [2] } as const;
  expect(await readTensor({ ...type, data: { path, offset: 1, length: 8 } })).toEqual(expected);
  expect(await readTensor({ ...type, data: bytes.subarray(1) })).toEqual(expected);
});

test("a file that shrank since it was opened is told", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "x");
  await writeFile(path, new Uint8Array(8));
  await truncate(path, 3);
  const tensor = { dtype: "uint8", shape: [8], data: { path, offset: 0, length: 8 } } as const;
  expect(await complaint(folder, readTensor(tensor))).toBe(
    "x: expected at least 8 bytes, found 3: the file has changed since it was opened. Load the model again.",
  );
});
