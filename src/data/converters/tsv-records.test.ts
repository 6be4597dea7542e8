import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "./sources.test-support.js";
import { jsonLines, textLines } from "./text-lines.js";
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

test("lines are numbered as editors do, empty ones are passed over, and a long or a wrong one is an error", async () => {
  const folder = await folderWith({
    "a.txt": "one\r\n\n  \ntwo",
    "b.jsonl": '{"a":1}\n{"a":\n',
    "c.txt": Buffer.from([0xff, 0x0a]),
  });
  const lines: unknown[] = [];
  for await (const line of textLines(join(folder, "a.txt"))) lines.push(line);
  expect(lines).toEqual([
    { line: 1, text: "one" },
    { line: 4, text: "two" },
  ]);
  const drain = async (items: AsyncIterable<unknown>) => {
    for await (const _ of items);
  };
  await expect(drain(textLines(join(folder, "a.txt"), { maxBytes: 2 }))).rejects.toThrow("line 4: expected a line");
  await expect(drain(jsonLines(join(folder, "b.jsonl")))).rejects.toThrow(
    "b.jsonl, line 2: expected a JSON object, found no JSON",
  );
  await expect(drain(textLines(join(folder, "c.txt")))).rejects.toThrow("text in UTF-8");
});
