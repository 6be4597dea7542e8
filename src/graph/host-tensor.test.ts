import { expect, test } from "vitest";
import { HostTensor, toFloat32 } from "./index.js";

const matrix = new HostTensor("float32", [2, 3], Float32Array.of(1, 5, 5, 7, 2, 0));

test("the number of values must match the shape", () => {
  expect(() => new HostTensor("float32", [2, 2], new Float32Array(3))).toThrowErrorMatchingInlineSnapshot(
    `[RangeError: HostTensor: shape [2, 2] needs 4 values, got 3]`,
  );
  expect(HostTensor.zeros("int64", [2]).data).toEqual(new BigInt64Array(2));
  expect(HostTensor.zeros("float32", []).at()).toBe(0);
});

test("one element by its indices", () => {
  expect(matrix.at(1, 0)).toBe(7);
  expect(new HostTensor("int64", [1], BigInt64Array.of(-3n)).at(0)).toBe(-3);
});

test.each([[[0]], [[2, 0]], [[0, -1]], [[0, 0.5]]])("no element at %j", (indices) => {
  expect(() => matrix.at(...indices)).toThrow(RangeError);
});

test("a row shares its tensor's memory", () => {
  const copy = new HostTensor("float32", [2, 3], matrix.data.slice());
  copy.row(1).data[0] = 9;
  expect(copy.at(1, 0)).toBe(9);
  expect(copy.row(0).shape).toEqual([3]);
  expect(() => copy.row(2)).toThrowErrorMatchingInlineSnapshot(`[RangeError: row(2): the first axis has 2 entries]`);
  expect(() => HostTensor.zeros("float32", []).row(0)).toThrow(RangeError);
});

test("argmax takes the first of equals, along the last axis", () => {
  expect(matrix.argmax()).toEqual(new HostTensor("int64", [2], BigInt64Array.of(1n, 0n)));
  expect(matrix.row(0).argmax().at()).toBe(1);
  expect(() => HostTensor.zeros("float32", [2, 0]).argmax()).toThrowErrorMatchingInlineSnapshot(
    `[RangeError: argmax: the last axis is empty]`,
  );
});

test("values as numbers", () => {
  expect(new HostTensor("int64", [2], BigInt64Array.of(1n, -2n)).toArray()).toEqual([1, -2]);
});

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
  const tensor = new HostTensor(dtype, [65536], everyPattern);
  const values = toFloat32(tensor);
  const wrong = everyPattern.filter((bits) => !Object.is(values[bits], valueOf(bits, exponentBits)));
  expect(wrong).toEqual(new Uint16Array());
  expect(tensor.toArray()).toEqual(Array.from(values));
});

test("float64 is rounded to float32, float32 is returned without a copy, whole numbers are converted", () => {
  const doubles = new HostTensor("float64", [3], Float64Array.of(0.1, 1e39, -0));
  expect(toFloat32(doubles)).toEqual(Float32Array.of(Math.fround(0.1), Infinity, -0));
  const floats = Float32Array.of(1, 2);
  expect(toFloat32(new HostTensor("float32", [2], floats))).toBe(floats);
  expect(toFloat32(new HostTensor("int64", [1], BigInt64Array.of(-3n)))).toEqual(Float32Array.of(-3));
});

test.each([
  ["float16", [0xbc00, 0x3c00]],
  ["bfloat16", [0xbf80, 0x3f80]],
] as const)("%s: at, argmax and toArray give numbers, not bit patterns", (dtype, bits) => {
  const tensor = new HostTensor(dtype, [1, 2], Uint16Array.from(bits));
  expect([tensor.at(0, 0), tensor.at(0, 1)]).toEqual([-1, 1]);
  expect(tensor.toArray()).toEqual([-1, 1]);
  expect(tensor.argmax().toArray()).toEqual([1]);
});
