import { join } from "node:path";
import { expect, test } from "vitest";
import { goldenFolder, packagedFolder, readGolden } from "./golden.suite.js";
import { Tokenizer } from "./tokenizer.js";

interface Golden {
  encoded: [string, number[]][];
  truncated: { text: string; maxLength: number; ids: number[] }[];
  bare: { text: string; ids: number[] }[];
  batches: {
    texts: string[];
    options: { padding: true | "max_length"; max_length?: number };
    input_ids: number[][];
    attention_mask: number[][];
  }[];
  decoded: { ids: number[]; text: string; skipped: string }[];
}

const packaged = await Tokenizer.fromFolder(packagedFolder);
const tokenizers = {
  packaged,
  roberta: await Tokenizer.fromFolder(join(goldenFolder, "roberta")),
  variant: await Tokenizer.fromFolder(join(goldenFolder, "variant")),
};

/** One entry a text, so that a failure shows the text beside its ids. */
function encodings(tokenizer: Tokenizer, texts: readonly string[]): [string, number[]][] {
  return texts.map((text) => [text, tokenizer.encode(text).ids]);
}

test.each(["packaged", "roberta", "variant"] as const)("%s: equals tokenizers", (name) => {
  const tokenizer = tokenizers[name];
  const golden = readGolden<Golden>(`tokenizer-${name}.json`);
  expect(
    encodings(
      tokenizer,
      golden.encoded.map(([text]) => text),
    ),
  ).toEqual(golden.encoded);
  for (const { text, maxLength, ids } of golden.truncated)
    expect(tokenizer.encode(text, { maxLength }).ids).toEqual(ids);
  for (const { text, ids } of golden.bare) expect(tokenizer.encode(text, { addSpecialTokens: false }).ids).toEqual(ids);
  for (const { texts, options, input_ids, attention_mask } of golden.batches) {
    const batch = tokenizer.encodeBatch(texts, {
      padding: options.padding === true ? "longest" : options.padding,
      maxLength: options.max_length,
    });
    expect(batch.input_ids.shape).toEqual([texts.length, input_ids[0]!.length]);
    expect(batch.input_ids.toArray()).toEqual(input_ids.flat());
    expect(batch.attention_mask.toArray()).toEqual(attention_mask.flat());
  }
  for (const { ids, text, skipped } of golden.decoded) {
    expect([ids, tokenizer.decode(ids), tokenizer.decode(ids, { skipSpecialTokens: true })]).toEqual([
      ids,
      text,
      skipped,
    ]);
  }
});

test("an unpaired surrogate reads as U+FFFD", () => {
  expect(packaged.encode("a\ud83d b\udc00").ids).toEqual(packaged.encode("a\ufffd b\ufffd").ids);
  expect(packaged.encode("😀").ids).not.toEqual(packaged.encode("\ufffd").ids);
});

test("reports whether a text was truncated", () => {
  expect(packaged.encode("two cats", { maxLength: 3 }).overflowing).toHaveLength(1);
  expect(packaged.encode("two cats").overflowing).toEqual([]);
});

test("tokens by name and by id", () => {
  expect(packaged.tokenToId("<mask>")).toBe(packaged.maskTokenId);
  expect([packaged.bosTokenId, packaged.eosTokenId, packaged.padTokenId, packaged.modelMaxLength]).toEqual([
    0, 2, 1, 64,
  ]);
  expect(packaged.vocabSize).toBe(3000);
  expect(packaged.idToToken(packaged.maskTokenId)).toBe("<mask>");
  expect([packaged.idToToken(3000), packaged.idToToken(-1), packaged.tokenToId("__proto__")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(tokenizers.variant.modelMaxLength).toBe(Infinity);
});

test("a million characters without a gap take a moment, not minutes", () => {
  const started = performance.now();
  for (const text of [
    "a".repeat(1e6),
    "日本".repeat(2e5),
    " ".repeat(1e6),
    "<".repeat(1e6),
    " ".repeat(5e5) + "<mask>",
  ]) {
    expect(packaged.decode(packaged.encode(text, { addSpecialTokens: false }).ids)).toContain(text.trim());
  }
  expect(performance.now() - started).toBeLessThan(20_000);
});

test("batches that cannot be one tensor are refused", () => {
  expect(() => packaged.encodeBatch(["a cat", "a"])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: texts: expected 4 tokens in each (no padding), found 3 in texts[1]. Turn padding on.]`,
  );
  expect(() => packaged.encodeBatch([])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: texts: expected at least one text, found none.]`,
  );
  expect(() => packaged.encode("a", { maxLength: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[InputError: maxLength: expected a whole number of at least 2, the special tokens, found 1. Raise it.]`,
  );
  expect(() => tokenizers.variant.encodeBatch(["a"], { padding: "max_length" })).toThrowErrorMatchingInlineSnapshot(
    `[InputError: padding max_length: expected a maxLength, because the tokenizer's files have no model_max_length, found none. Give maxLength.]`,
  );
});
