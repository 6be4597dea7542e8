/** Nouns in tokenized captions, and what small checkpoints predict for them. */
import { BridgeTower, BridgeTowerProcessor } from "bridgetower";
import type { CustomDataset } from "bridgetower/data";
import sharp from "sharp";
import { expect, onTestFinished, test } from "vitest";
import { NounFinder } from "./noun-finder.js";
import { nounAccuracy, type NounsOptions } from "./nouns.js";
import { tinyModel } from "./tiny-model.test-support.js";

interface Row {
  readonly image: Uint8Array;
  readonly captions: readonly string[];
}

const words = ["a cat", "a dog", "cat a dog", "dog", "a a cat"];
const rows: readonly Row[] = await Promise.all(
  words.map(async (_, i) => ({
    image: await sharp({
      create: { width: 40, height: 32, channels: 3, background: { r: 50 * i, g: 99, b: 250 - 50 * i } },
    })
      .png()
      .toBuffer(),
    captions: words.slice(i, i + 1 + (i % 3)).map((word) => `${word} ${i}`),
  })),
);
const datasetOf = (list: readonly Row[]): CustomDataset => ({
  rows: list.length,
  texts: (row) => ({ captions: list[row]!.captions }),
  images: (row) => [{ name: `image ${row}`, read: () => Promise.resolve(list[row]!.image) }],
});
const data = datasetOf(rows);

/** "cat", "dog" and "a" are single tokens, also after a space. */
const tokenizer = async () => (await BridgeTowerProcessor.fromPretrained(await tinyModel())).tokenizer;

test.each<[string, readonly string[], string, readonly string[]]>([
  ["the first word and later ones", ["cat", "dog"], "cat a dog", ["cat", " dog"]],
  ["each occurrence", ["cat"], "a cat, a cat", [" cat", " cat"]],
  ["beside marks", ["cat", "dog"], '(cat) dog\'s "cat".', ["cat", " dog", "cat"]],
  ["not inside a word", ["cat", "dog"], "a cats, scat, cat7, dogcat", []],
  ["not inside a word with other letters", ["cat"], "caté écat", []],
  ["not inside a word with a hyphen", ["cat", "dog"], "cat-dog", []],
  ["not inside a longer noun", ["cat", "dog", "cat dog"], "a cat dog, a cat", [" cat"]],
  ["before a word that only starts like a longer noun", ["cat", "cat dog"], "a cat dogs", [" cat"]],
  ["not if it has two tokens", ["cow", "cat"], "a cow, a cat", [" cat"]],
  ["the longest noun from the left", ["cat dog", "dog cat"], "a cat dog cat", []],
  ["an empty list of nouns finds nothing", [""], "cat", []],
])("%s", async (_, nouns, caption, found) => {
  const known = await tokenizer();
  const { ids } = known.encode(caption);
  const places = new NounFinder(nouns, known).singleTokens(ids);
  expect(places.map((place) => known.decode([ids[place]!]))).toEqual(found);
});

/** Ids of "cat" and " cat", after four special tokens, 256 bytes and "ca"; ids of "dog" and " dog", after "do". */
const nounIds = [261, 262, 264, 265];
const nouns = ["cat", "dog"];

async function accuracyOf(folder: string, dataset: CustomDataset, options: Partial<NounsOptions> = {}) {
  const model = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => model.dispose());
  const { tokenizer } = await BridgeTowerProcessor.fromPretrained(folder);
  return nounAccuracy(model, dataset, { nouns, tokenizer, ...options });
}

test("each noun is masked alone and predicted as by fillMask", async () => {
  // The model predicts one of the nouns for every masked token.
  const model = await tinyModel((values) => {
    const bias = values.get("mlm_score.bias")!;
    for (const noun of nounIds) bias[noun]! += 1000;
  });
  const tower = await BridgeTower.fromPretrained(model);
  onTestFinished(() => tower.dispose());
  const right: number[] = [];
  for (const { captions, image } of rows) {
    for (const caption of captions) {
      for (const { 0: word, index } of caption.matchAll(/ ?\b(cat|dog)\b/g)) {
        // The mask also replaces the space.
        const text = `${caption.slice(0, index)}<mask>${caption.slice(index + word.length)}`;
        const { masks } = await tower.fillMask(image, text, { topK: 1 });
        right.push(masks[0]!.predictions[0]!.token === word ? 1 : 0);
      }
    }
  }
  expect(new Set(right)).toEqual(new Set([0, 1]));
  expect(await accuracyOf(model, data)).toEqual({
    nouns_accuracy: right.reduce((sum, one) => sum + one, 0) / right.length,
    nouns_tokens: right.length,
  });
});

test("a decoder with only a bias predicts the same noun for every mask", async () => {
  const model = await tinyModel((values) => {
    values.get("mlm_score.decoder.weight")!.fill(0);
    values.get("mlm_score.bias")!.fill(0)[nounIds[1]!] = 2;
  });
  const captions = ["a cat a dog a cat", "dog", "no such thing"];
  const some = datasetOf([{ image: rows[0]!.image, captions }]);
  expect(await accuracyOf(model, some)).toEqual({ nouns_accuracy: 2 / 4, nouns_tokens: 4 });
  expect(await accuracyOf(model, some, { captionsPerRow: 1 })).toEqual({ nouns_accuracy: 2 / 3, nouns_tokens: 3 });
  expect(await accuracyOf(model, some, { limit: 0 })).toEqual({ nouns_tokens: 0 });
  expect(await accuracyOf(model, some, { nouns: ["tree"] })).toEqual({ nouns_tokens: 0 });
});
