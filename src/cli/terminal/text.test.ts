import fc from "fast-check";
import { expect, test } from "vitest";
import { displayWidth, wrap } from "./text.js";

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
