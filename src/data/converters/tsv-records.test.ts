import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "./sources.test-support.js";
import { jsonLines } from "./source-lines.js";
import { tsvRecords } from "./tsv-records.js";

async function recordsOf(text: string): Promise<readonly (readonly string[])[]> {
  const file = join(await folderWith({ "a.tsv": text }), "a.tsv");
  const records: (readonly string[])[] = [];
  for await (const { row, fields } of tsvRecords(file)) {
    expect(row).toBe(records.length);
    records.push(fields);
  }
  return records;
}

// The expected values are what pandas 3.1.1 gives for read_csv(sep="\t", header=None, keep_default_na=False).
test.each([
  [
    "a b\thttp://x\nc\ty\n",
    [
      ["a b", "http://x"],
      ["c", "y"],
    ],
  ],
  [
    "a\tx\n\n\nb\ty",
    [
      ["a", "x"],
      ["b", "y"],
    ],
  ],
  [
    "a\tx\r\nb\ty\r\n",
    [
      ["a", "x"],
      ["b", "y"],
    ],
  ],
  [
    '" i love you " , he said\tx\nb\ty\n',
    [
      [" i love you  , he said", "x"],
      ["b", "y"],
    ],
  ],
  ['say "hi"\tx\n', [['say "hi"', "x"]]],
  ['"a ""b"" c"\tx\n', [['a "b" c', "x"]]],
  [
    '"one\ttwo\nthree"\tx\nb\ty\n',
    [
      ["one\ttwo\nthree", "x"],
      ["b", "y"],
    ],
  ],
  ['""\tx\n', [["", "x"]]],
])("%j", async (text, expected) => {
  expect(await recordsOf(text)).toEqual(expected);
});

test("a quote that is never closed does not swallow the rest", async () => {
  await expect(recordsOf('a\tx\n"b\ty\n')).rejects.toThrow(
    "record 1: expected a record, found the end of the file inside quotes",
  );
  await expect(recordsOf(`"b\t${"y\n".repeat(600_000)}"`)).rejects.toThrow("a quote may never be closed");
});

test("a line that is no JSON is an error that names it", async () => {
  const folder = await folderWith({ "b.jsonl": '{"a":1}\n{"a":\n' });
  const values: unknown[] = [];
  const read = async () => {
    for await (const { value } of jsonLines(join(folder, "b.jsonl"))) values.push(value);
  };
  await expect(read()).rejects.toThrow("b.jsonl, line 2: expected a JSON object, found no JSON");
  expect(values).toEqual([{ a: 1 }]);
});
