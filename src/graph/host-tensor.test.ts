import { expect, test } from "vitest";
import { HostTensor } from "./index.js";

const matrix = new HostTensor("float32", [2, 3], Float32Array.of(1, 5, 5, 7, 2, 0));

test("as many values as the shape says", () => {
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
