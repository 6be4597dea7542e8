import fc from "fast-check";
import { expect, test } from "vitest";
import { byteAlphabet, splitWords } from "./bpe.js";

test("the alphabet has a unique character for each byte", () => {
  const alphabet = byteAlphabet();
  expect(new Set(alphabet).size).toBe(256);
  expect([10, 32, 33, 127, 160, 173, 255].map((byte) => alphabet[byte])).toEqual(["Ċ", "Ġ", "!", "ġ", "ł", "Ń", "ÿ"]);
});

test("splits like the published pattern if White_Space and JavaScript's \\s agree", () => {
  const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  const character = fc.oneof(
    fc.constantFrom(..." \t\n'strevmldA7½é日!😀\u00a0\u2003"),
    fc.string({ unit: "grapheme", maxLength: 1 }),
  );
  fc.assert(
    fc.property(fc.array(character), (characters) => {
      const text = characters.join("").replace(/[\u0085\ufeff]/g, "");
      expect([...splitWords(text)]).toEqual(text.match(pattern) ?? []);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test("U+0085 is white space and U+FEFF is not", () => {
  expect([...splitWords("a\u0085\u0085b")]).toEqual(["a", "\u0085", "\u0085", "b"]);
  expect([...splitWords("a \ufeffb")]).toEqual(["a", " \ufeff", "b"]);
});
