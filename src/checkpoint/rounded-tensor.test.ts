import { expect, test } from "vitest";

import { InputError } from "../errors.js";
import { HostTensor, toFloat32 } from "../graph/host-tensor.js";
import { roundedTensor, type WeightDType } from "./rounded-tensor.js";

const float32 = (...values: number[]) => new HostTensor("float32", [values.length], Float32Array.from(values));
const float64 = (...values: number[]) => new HostTensor("float64", [values.length], Float64Array.from(values));
const bitsIn = (tensor: HostTensor, dtype: WeightDType) => Array.from(roundedTensor(tensor, dtype, "x").data, Number);
const valuesIn = (tensor: HostTensor, dtype: WeightDType) => Array.from(toFloat32(roundedTensor(tensor, dtype, "x")));

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

test.each(["float16", "bfloat16"] as const)(
  "every %s pattern comes back, by way of float32 and of float64",
  (dtype) => {
    const values = toFloat32(new HostTensor(dtype, [65536], everyPattern));
    for (const tensor of [float32(...values), float64(...values)]) {
      const bits = roundedTensor(tensor, dtype, "x").data;
      const wrong = everyPattern.filter(
        (pattern) => Number(bits[pattern]) !== pattern && !Number.isNaN(values[pattern]),
      );
      expect(wrong).toEqual(new Uint16Array());
    }
  },
);

/** Between two neighbours: the lower half goes down, the upper half up, the middle to the one whose last bit is 0. */
test.each(["float16", "bfloat16"] as const)("%s: values between two neighbours round to the nearer one", (dtype) => {
  const infinity = dtype === "float16" ? 0x7c00 : 0x7f80;
  const values = toFloat32(new HostTensor(dtype, [65536], everyPattern));
  // The two largest neighbours are the last that have a middle.
  for (let low = 0; low < infinity - 1; low++) {
    const [a, b] = [values[low]!, values[low + 1]!];
    const middle = (a + b) / 2;
    const step = b - a;
    const found = bitsIn(float64(a + step * 0.499, middle, a + step * 0.501, -middle), dtype);
    const even = low + (low % 2);
    expect(found).toEqual([low, even, low + 1, even + 0x8000]);
  }
});

test("known halves: IEEE 754's examples, ties and subnormals", () => {
  const cases: readonly (readonly [number, number])[] = [
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [1 / 3, 0x3555],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [3 * 2 ** -25, 0x0002],
    // The largest subnormal rounds up to the smallest normal number.
    [2 ** -14 - 2 ** -25, 0x0400],
    [1e-40, 0x0000],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2047.9, 0x6800],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
    [NaN, 0x7e00],
  ];
  expect(bitsIn(float64(...cases.map(([value]) => value)), "float16")).toEqual(cases.map(([, bits]) => bits));
  expect(bitsIn(float64(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -1e-45, NaN), "bfloat16")).toEqual([
    0x3f80, 0x3f80, 0x3f82, 0x8000, 0x7fc0,
  ]);
});

test("float64 is rounded once: a tie of float32 that is none of float64 does not become one", () => {
  // float32 would take this to the middle of two halves, and the middle to the even one below.
  const value = 1 + 2 ** -11 + 2 ** -40;
  expect(valuesIn(float64(value), "float16")).toEqual([1 + 2 ** -10]);
  expect(valuesIn(float64(Math.fround(value)), "float16")).toEqual([1]);
  expect(valuesIn(float64(0.1), "float32")).toEqual([Math.fround(0.1)]);
});

test("wider types hold every value; a tensor that has the type is the same object; the shape stays", () => {
  const halves = new HostTensor("float16", [2, 1], Uint16Array.of(0x3555, 0x0001));
  expect(roundedTensor(halves, "float16", "x")).toBe(halves);
  expect(roundedTensor(halves, "float32", "x")).toEqual(
    new HostTensor("float32", [2, 1], Float32Array.of(0.333251953125, 2 ** -24)),
  );
  expect(valuesIn(halves, "bfloat16")).toEqual([0.333984375, 2 ** -24]);
  expect(roundedTensor(float32(), "float16", "x").data).toHaveLength(0);
});

test.each([
  ["float16", float32(1, -65520)],
  ["bfloat16", float32(3.4e38)],
  ["float32", float64(0, 0, 1e39)],
] as const)("a value too large for %s is an error that names it", (dtype, tensor) => {
  expect(complaintOf(() => roundedTensor(tensor, dtype, "a.weight in m.ckpt"))).toMatchSnapshot();
});

function complaintOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error.message;
  }
  throw new Error("expected an InputError");
}
