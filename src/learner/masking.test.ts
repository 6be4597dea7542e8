import fc from "fast-check";
import { expect, test } from "vitest";
import { Tokenizer } from "../processing/index.js";
import { Random } from "../random/index.js";
import { maskTokens, tokenizerMasking, type Masking } from "./masking.js";

const specialIds = new Set([0, 1, 2, 99]);
const masking: Masking = { mlm_prob: 0.15, vocab_size: 100, mask_token_id: 99, specialIds };
/** Ids 10, 20, 30, … are written with "Ġ". */
const wholeWords: Masking = { ...masking, startsWord: (id) => id % 10 === 0 };

const row = fc.array(fc.nat(99), { maxLength: 40 });
const masked = (ids: ArrayLike<number | bigint>, rules: Masking, seed = 0) => {
  const { input_ids, labels } = maskTokens(ids, rules, new Random(seed));
  return { input_ids: Array.from(input_ids, Number), labels: Array.from(labels, Number) };
};

test.each([
  ["tokens", masking],
  ["whole words", wholeWords],
])("%s: labels are the original ids where chosen, and all else stays, specials always", (_, rules) => {
  fc.assert(
    fc.property(row, fc.nat(), fc.constantFrom(0.15, 0.5, 1), (ids, seed, mlm_prob) => {
      const { input_ids, labels } = masked(ids, { ...rules, mlm_prob }, seed);
      expect(labels).toEqual(ids.map((id, i) => (labels[i] === -100 ? -100 : id)));
      ids.forEach((id, i) => {
        if (specialIds.has(id)) expect(labels[i]).toBe(-100);
        if (labels[i] === -100) expect(input_ids[i]).toBe(id);
        else expect(input_ids[i]).toBeLessThan(100);
        if (mlm_prob === 1 && !specialIds.has(id)) expect(labels[i]).toBe(id);
      });
    }),
  );
});

test("int64 arrays and numbers give the same, by the stream alone", () => {
  const ids = Array.from({ length: 50 }, (_, i) => 3 + i);
  const once = masked(ids, masking, 5);
  expect(masked(BigInt64Array.from(ids, BigInt), masking, 5)).toEqual(once);
  expect(masked(ids, masking, 6)).not.toEqual(once);
  expect(ids[7]).toBe(10);
});

test("15 % are chosen; of these 80 % are masked, 10 % replaced by any id, 10 % kept", () => {
  const count = 200_000;
  // One id below the mask's, so that a random id is seen to differ 99 times in 100.
  const ids = new Array<number>(count).fill(50);
  const { input_ids, labels } = masked(ids, masking);
  const chosen = input_ids.filter((_, i) => labels[i] !== -100);
  const within = (found: number, of: number, p: number) =>
    expect(Math.abs(found - of * p)).toBeLessThan(5 * Math.sqrt(of * p * (1 - p)));
  within(chosen.length, count, 0.15);
  const times = (id: number) => chosen.filter((found) => found === id).length;
  // A random id is the mask or the original once in a hundred times.
  within(times(99), chosen.length, 0.801);
  within(times(50), chosen.length, 0.101);
  const others = Array.from({ length: 100 }, (_, id) => id).filter((id) => id !== 99 && id !== 50);
  const expected = (chosen.length * 0.1) / 100;
  const chiSquared = others.reduce((sum, id) => sum + (times(id) - expected) ** 2 / expected, 0);
  // 98 degrees of freedom: one in 100,000 exceeds 166.
  expect(chiSquared).toBeLessThan(166);
});

test("neighbours are chosen independently", () => {
  const { labels } = masked(new Array<number>(100_000).fill(50), { ...masking, mlm_prob: 0.5 });
  const both = labels.filter((label, i) => label !== -100 && labels[i + 1] !== -100).length;
  expect(Math.abs(both / 100_000 - 0.25)).toBeLessThan(0.01);
});

test("a word is chosen as a whole, and each of its tokens has its own fate", () => {
  // Start; a word of 1 token without "Ġ"; of 3; of 1; padding; a word after it.
  const text = [0, 11, 20, 21, 22, 30, 1, 1, 41, 42, 2];
  const wordsOfText = [[1], [2, 3, 4], [5], [8, 9]];
  const together = new Set<string>();
  const mixed = { all: 0, some: 0 };
  let chosen = 0;
  const rounds = 4_000;
  for (let seed = 0; seed < rounds; seed++) {
    const { input_ids, labels } = masked(text, wholeWords, seed);
    for (const word of wordsOfText) {
      const marks = new Set(word.map((position) => labels[position] !== -100));
      expect(marks.size).toBe(1);
    }
    const pattern = wordsOfText.map(([first]) => (labels[first!] === -100 ? "." : "x")).join("");
    together.add(pattern);
    chosen += [...pattern].filter((mark) => mark === "x").length;
    if (labels[2] === -100) continue;
    const maskedCount = [2, 3, 4].filter((position) => input_ids[position] === 99).length;
    if (maskedCount === 3) mixed.all++;
    else if (maskedCount > 0) mixed.some++;
  }
  // All four words come up alone, and the chance is that of a word.
  for (const alone of ["x...", ".x..", "..x.", "...x"]) expect(together).toContain(alone);
  expect(Math.abs(chosen / (4 * rounds) - 0.15)).toBeLessThan(5 * Math.sqrt((0.15 * 0.85) / (4 * rounds)));
  // All three masked about half of the time, 0.8³ of the 1 - 0.2³ in which any is.
  const rate = 0.8 ** 3 / (1 - 0.2 ** 3);
  expect(Math.abs(mixed.all / (mixed.all + mixed.some) - rate)).toBeLessThan(0.1);
});

test("a chance outside 0 to 1 is refused", () => {
  expect(() => masked([5], { ...masking, mlm_prob: 15 })).toThrow("mlm_prob: expected a probability, 0 to 1, found 15");
});

test("a tokenizer's special tokens are never masked, and words begin where a space was", async () => {
  const tokenizer = await Tokenizer.fromFolder("models/emoji");
  const { ids } = tokenizer.encode("a zygomorphic man");
  const choose = (wholeWords: boolean, seed: number) => {
    const masking = tokenizerMasking(tokenizer, { mlm_prob: 0.5, wholeWords });
    return Array.from(maskTokens(ids, masking, new Random(seed)).labels, Number).map((label) => label !== -100);
  };
  const tokens = ids.map((id) => tokenizer.idToToken(id)!);
  const broken = tokens.findIndex((token, i) => i > 1 && !token.startsWith("Ġ") && !token.startsWith("<"));
  expect(broken, tokens.join(" ")).toBeGreaterThan(0);
  let apart = 0;
  for (let seed = 0; seed < 50; seed++) {
    const whole = choose(true, seed);
    expect([whole[0], whole.at(-1)]).toEqual([false, false]);
    expect(whole[broken]).toBe(whole[broken - 1]);
    const single = choose(false, seed);
    if (single[broken] !== single[broken - 1]) apart++;
  }
  expect(apart).toBeGreaterThan(10);
  expect(tokenizerMasking(tokenizer)).toMatchObject({
    mlm_prob: 0.15,
    vocab_size: 3000,
    mask_token_id: tokenizer.maskTokenId,
  });
});
