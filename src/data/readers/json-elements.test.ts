import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { jsonElements, type ElementOptions } from "./json-elements.js";
import { folderWith, put, temporaryFolder } from "../converters/sources.test-support.js";

async function elementsOf(text: string | Uint8Array, options: ElementOptions = {}): Promise<unknown[]> {
  const folder = await folderWith({ "a.json": text });
  return collect(join(folder, "a.json"), options);
}

async function collect(file: string, options: ElementOptions): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { index, value } of jsonElements(file, options)) {
    expect(index).toBe(values.length);
    values.push(value);
  }
  return values;
}

test.each([
  ["[]", []],
  ["\ufeff[2]", [2]],
  [" \n[ 1 ,\t-2.5e3, null,true ]\r\n", [1, -2500, null, true]],
  ['["a]b", "c,d", "e\\"],[", "\\\\", "\\\\\\"", ""]', ["a]b", "c,d", 'e"],[', "\\", '\\"', ""]],
  ['[{"a": "}", "b": [1, [2]]}, [[], {}]]', [{ a: "}", b: [1, [2]] }, [[], {}]]],
  ['["\u00e9\u4e2d\u{1f600}", "\\u00e9"]', ["\u00e9\u4e2d\u{1f600}", "\u00e9"]],
])("the elements of %s", async (text, expected) => {
  expect(await elementsOf(text)).toEqual(expected);
});

test("any list is read as by JSON.parse, with any white space", async () => {
  const folder = await temporaryFolder();
  const check = async (values: unknown[], space: number) => {
    await put(folder, "a.json", JSON.stringify(values, undefined, space));
    expect(await collect(join(folder, "a.json"), {})).toEqual(JSON.parse(JSON.stringify(values)));
  };
  await fc.assert(fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 4 })), fc.nat(3), check), {
    numRuns: 60,
    seed: 1,
  });
});

test("elements across the pieces in which the file is read, characters of several bytes among them", async () => {
  const values = Array.from({ length: 5000 }, (_, i) => ({ i, text: `"[\\${"\u4e2d\u{1f600}".repeat(i % 150)}` }));
  const text = JSON.stringify(values);
  expect(Buffer.byteLength(text)).toBeGreaterThan(2 * 2 ** 20);
  const seen: number[] = [];
  const options: ElementOptions = { onBytes: (done, total) => seen.push(done / total) };
  expect(await elementsOf(text, options)).toEqual(values);
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.at(-1)).toBe(1);
});

test("a member of the outermost object; the others may hold anything", async () => {
  const text =
    '{"info": {"images": [9], "t": "images\\": ["}, "n": 1, "images" : [1, 2], "licenses": [{"a": "]}"}], "x": "}"}';
  expect(await elementsOf(text, { key: "images" })).toEqual([1, 2]);
  expect(await elementsOf('{"\\u0069mages": [3]}', { key: "images" })).toEqual([3]);
});

test("skipped values may be larger than the limit of an element", async () => {
  const text = JSON.stringify({ other: "x".repeat(5000), images: [1] });
  expect(await elementsOf(text, { key: "images", maxBytes: 100 })).toEqual([1]);
});

const deep = "[".repeat(100_000);
test.each([
  ["", "more of the file, found the end: the file is truncated"],
  ["[", "truncated"],
  ["[1", "element 0, byte 2: expected more of the file"],
  ['[1, {"a": "b', "element 1, byte 12: expected more of the file"],
  ['["a\\', "truncated"],
  ["[1,", "truncated"],
  ["[1,]", "element 1"],
  ["[,1]", "JSON in UTF-8"],
  ["[1 2]", "JSON in UTF-8"],
  ["[1]]", "the end of the file, found more text"],
  ["[1] [2]", "the end of the file, found more text"],
  ["[{]}]", 'brackets that match, found "}"'],
  ["[1}", 'brackets that match, found "}"'],
  ['{"a": 1}', 'a list, found "{"'],
  ["[nul]", "element 0, byte 4: expected JSON in UTF-8"],
  [`[${deep}`, "brackets at most 64 deep"],
])("%.20s is refused", async (text, message) => {
  await expect(elementsOf(text)).rejects.toThrow(message);
});

test.each([
  ["{}", 'a list "images", found an object without it'],
  ["[]", 'an object with the list "images", found "["'],
  ['{"images": {}}', 'a list, found "{"'],
  ['{"images": [1], "images": [2]}', 'the list "images" once, found it twice'],
  ['{"a": [1, 2}', "truncated"],
  ['{"a" 1}', 'brackets that match, found "}"'],
  ['{"a": 1 "images": [1]}', 'a list "images", found an object without it'],
])("%s without its member is refused", async (text, message) => {
  await expect(elementsOf(text, { key: "images" })).rejects.toThrow(message);
});

test("bytes that are not UTF-8, an element that is too large, a file that is not there", async () => {
  await expect(elementsOf(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]))).rejects.toThrow("JSON in UTF-8");
  await expect(elementsOf(`["${"x".repeat(200)}"]`, { maxBytes: 100 })).rejects.toThrow("at most 100 bytes");
  await expect(collect(join(await temporaryFolder(), "no.json"), {})).rejects.toThrow("a file that can be read");
  await expect(collect(await temporaryFolder(), {})).rejects.toThrow("expected a file, found a folder");
});

test("every way to cut a file short is an error", async () => {
  const text = '{"a": ["x", {"y": [1]}], "images": [{"n": "\\"]"}, [2, "\\\\"]], "z": "}"}';
  const folder = await temporaryFolder();
  for (let length = 0; length < text.length; length++) {
    await put(folder, "a.json", text.slice(0, length));
    await expect(collect(join(folder, "a.json"), { key: "images" })).rejects.toThrow("truncated");
  }
});

test("an aborted signal stops the reading", async () => {
  await expect(elementsOf("[1]", { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
});

test("NaN, as Python writes it, is null", async () => {
  expect(await elementsOf('[{"a": NaN, "b": "NaN"}, -Infinity]')).toEqual([{ a: null, b: "NaN" }, null]);
});
