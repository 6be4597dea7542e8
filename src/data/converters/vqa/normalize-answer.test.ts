import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contractions } from "./contractions.js";
import { normalizeAnswer } from "./normalize-answer.js";

const golden = JSON.parse(readFileSync(new URL("./fixtures/normalized.json", import.meta.url), "utf8")) as [
  string,
  string,
][];

test("every string is normalized as in Python", () => {
  expect(golden.length).toBeGreaterThan(600);
  expect(golden.map(([text]) => [text, normalizeAnswer(text)])).toEqual(golden);
});

test.each([...contractions])("%s becomes %s, unless it has a capital that no word has by then", (word, whole) => {
  expect(normalizeAnswer(word)).toBe(word === word.toLowerCase() ? whole : word.toLowerCase());
  expect(normalizeAnswer(`it ${word.toLowerCase()} is`)).toBe(
    `it ${contractions.get(word.toLowerCase()) ?? word.toLowerCase()} is`,
  );
});

test("the table has all entries of the original, including its mistakes", () => {
  expect(contractions.size).toBe(120);
  expect([...contractions.keys()].filter((word) => word !== word.toLowerCase())).toEqual([
    "Id've",
    "I'dve",
    "Im",
    "Ive",
  ]);
  expect(["let's", "she's"].map((word) => contractions.get(word))).toEqual(["let's", "she's"]);
  expect(contractions.get("somebody'd")).toBe("somebodyd");
  expect(contractions.get("ow's'at")).toBe("'ow's'at");
});

test.each([
  ["a mark between words becomes a space", "red/white", "red white"],
  ["a mark beside a space is deleted, also where it stands between words", "red/white / blue", "redwhite blue"],
  ["a number with a comma deletes every mark", "1,000 t-shirts", "1000 tshirts"],
  ["decimals keep their period", "about 3.5.", "about 3.5"],
  ["at most 32 periods are deleted", ".".repeat(40), ".".repeat(8)],
  ["number words, articles and contractions", "The two Dogs cant", "2 dogs can't"],
  ["a colon is no mark", "12:30", "12:30"],
])("%s", (_, text, expected) => {
  expect(normalizeAnswer(text)).toBe(expected);
});
