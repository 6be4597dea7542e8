import { expect, test } from "vitest";
import { Tokenizer } from "../processing/index.js";
import { textBuckets, tokenizerMasking } from "./collate-tokens.js";
import { maskTokens } from "./masking.js";
import { Random } from "../random/index.js";

test.each([
  [50, undefined, [8, 16, 24, 32, 40, 48, 50]],
  [16, undefined, [8, 16]],
  [5, undefined, [5]],
  [64, 32, [32, 64]],
])("widths for texts of up to %i tokens", (longest, multiple, expected) => {
  expect(textBuckets(longest, multiple)).toEqual(expected);
});

test("a tokenizer's special tokens are never hidden, and words begin where a space was", async () => {
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
