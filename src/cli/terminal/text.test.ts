import fc from "fast-check";
import { expect, test } from "vitest";
import { displayWidth, jsonPieces, wrap } from "./text.js";

test.each([
  ["fox", 3],
  ["été", 3],
  ["e\u0301", 1],
  ["日本語", 6],
  ["한국", 4],
  ["ｆｕｌｌ", 8],
  ["👍🏽", 2],
  ["👩‍👩‍👧", 2],
  ["❤️", 2],
  ["\u200b", 0],
  ["▌█", 2],
])("%s takes %d cells", (text, cells) => {
  expect(displayWidth(text)).toBe(cells);
});

test("lines break after spaces, and inside a word only when it is too long", () => {
  expect(wrap("a fox left of a moose", 8)).toEqual(["a fox", "left of", "a moose"]);
  expect(wrap("donaudampfschiff ab", 6)).toEqual(["donaud", "ampfsc", "hiff", "ab"]);
  expect(wrap("日本語です", 5)).toEqual(["日本", "語で", "す"]);
  expect(wrap("", 8)).toEqual([""]);
});

test("no line is too wide and no character is lost", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "é", "猫", " ", "e\u0301", "-") }),
      fc.integer({ min: 2, max: 12 }),
      (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
        for (const line of lines) expect(displayWidth(line.trim())).toBeLessThanOrEqual(width);
      },
    ),
  );
});

async function piecesOf(document: unknown): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of jsonPieces(document)) pieces.push(piece);
  return pieces;
}

test("the pieces of a JSON document are the text of JSON.stringify", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything({ withNullPrototype: true, withDate: true }), async (value) => {
      expect(JSON.parse((await piecesOf([value])).join(""))).toEqual(JSON.parse(JSON.stringify([value])));
    }),
  );
  const document = { a: [], b: {}, c: [{ d: undefined, e: [1, null, undefined] }, "\u2028"], f: undefined };
  expect((await piecesOf(document)).join("")).toBe(JSON.stringify(document).replace("\u2028", "\\u2028"));
});

test("no piece of a JSON document grows with the number of entries", async () => {
  const entry = { text: "a fox", embedding: [1, 2, 3] };
  async function* entries() {
    for (let i = 0; i < 1000; i++) yield await Promise.resolve(entry);
  }
  for (const list of [entries(), new Array(1000).fill(entry)]) {
    const pieces = await piecesOf({ list });
    expect(pieces.join("")).toBe(JSON.stringify({ list: new Array(1000).fill(entry) }));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100);
  }
});

test("entries are requested one at a time, after the pieces before them are used", async () => {
  let requested = 0;
  async function* entries() {
    for (; requested < 10; requested++) yield await Promise.resolve(requested);
  }
  for await (const piece of jsonPieces(entries())) {
    if (/\d/.test(piece)) expect(Number(piece.slice(1))).toBe(requested);
  }
  expect(requested).toBe(10);
});
