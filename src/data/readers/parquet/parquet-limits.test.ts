import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { expect, test } from "vitest";

import { checkRuns, checkThrift, decompressPage, PageProblem } from "./parquet-limits.js";

const check = (bytes: readonly number[], width: number, count: number) =>
  checkRuns(Uint8Array.from(bytes), 0, bytes.length, width, count);

test("valid runs pass", () => {
  // 5 times the value 1; then 8 bit-packed values, of which 3 count.
  const bytes = [5 << 1, 1, (1 << 1) | 1, 0b10101010];
  expect(() => check(bytes, 1, 8)).not.toThrow();
  const output = new Array<number>(8);
  readRleBitPackedHybrid({ view: new DataView(Uint8Array.from(bytes).buffer), offset: 0 }, 1, output, bytes.length);
  expect(output).toEqual([1, 1, 1, 1, 1, 0, 1, 0]);
});

test.each<[name: string, bytes: number[]]>([
  ["2^31 values in five bytes", [0xfe, 0xff, 0xff, 0xff, 0x0f, 1]],
  ["2^31 bit-packed values", [0xff, 0xff, 0xff, 0xff, 0x0f, 1]],
  ["no end of a length", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ["nothing", []],
  ["runs of no values to the end", [0, 1, 0, 1]],
])("refuses: %s", (_, bytes) => {
  expect(() => check(bytes, 1, 8)).toThrow(PageProblem);
});

test.each(["SNAPPY", "ZSTD", "LZ4", "LZ4_RAW"] as const)("%s: a few bytes allocate no page of 900 MB", (codec) => {
  const before = process.memoryUsage().arrayBuffers;
  expect(() => decompressPage(codec, new Uint8Array(20), 9e8)).toThrow("a page of 900000000 bytes in 20 compressed");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e8);
});

test("a struct of Thrift with every kind of value passes", () => {
  // 1: true, 2: the number -1, 3: "ab", 4: two structs of one number, 20: three truth values, 21: a double.
  const fields = [0x11, 0x15, 1, 0x18, 2, 97, 98, 0x19, 0x2c, 0x15, 2, 0, 0x15, 2, 0, 0x09, 40, 0x31, 1, 0, 1, 0x17];
  expect(() => checkThrift(Uint8Array.from([...fields, ...new Array<number>(8).fill(0), 0, 99]))).not.toThrow();
});

test.each<[name: string, bytes: number[]]>([
  ["a list of 30 million structs, in each of them another", [0x19, 0xfc, 0xff, 0xff, 0xff, 0x0f, 0x19, 0xfc, 0xff]],
  ["a text beyond its struct", [0x18, 0xff, 0xff, 0x03, 97, 0]],
  ["structs without end", new Array<number>(1000).fill(0x1c)],
  ["no end", [0x15, 2]],
  ["a map", [0x1b, 0, 0]],
])("refuses in a struct of Thrift: %s", (_, bytes) => {
  expect(() => checkThrift(Uint8Array.from(bytes))).toThrow(PageProblem);
});
