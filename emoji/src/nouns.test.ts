/** Nouns in tokenized captions, and what tiny checkpoints take them for. */
import { BridgeTower, BridgeTowerProcessor } from "bridgetower";
import { expect, onTestFinished, test } from "vitest";
import { memoryData } from "../../src/evaluation/memory-data.test-support.js";
import { data, rows } from "../../src/evaluation/tiny-rows.test-support.js";
import { fillWeights, tinyCheckpoint } from "../../src/inference/tiny-checkpoint.test-support.js";
import { NounFinder } from "./noun-finder.js";
import { nounAccuracy, type NounsOptions } from "./nouns.js";

/** Knows "cat", "dog" and "a", and the three behind a space, as one token each. */
const tokenizer = async () => (await BridgeTowerProcessor.fromPretrained(await tinyCheckpoint())).tokenizer;

test.each<[string, readonly string[], string, readonly string[]]>([
  ["the first word and later ones", ["cat", "dog"], "cat a dog", ["cat", " dog"]],
  ["each time it is there", ["cat"], "a cat, a cat", [" cat", " cat"]],
  ["beside marks", ["cat", "dog"], '(cat) dog\'s "cat".', ["cat", " dog", "cat"]],
  ["no part of a word", ["cat", "dog"], "a cats, scat, cat7, dogcat", []],
  ["no part of a word of other letters", ["cat"], "caté écat", []],
  ["no part of a word with a hyphen", ["cat", "dog"], "cat-dog", []],
  ["no part of a longer noun", ["cat", "dog", "cat dog"], "a cat dog, a cat", [" cat"]],
  ["but a part of what only begins like one", ["cat", "cat dog"], "a cat dogs", [" cat"]],
  ["not of two tokens", ["cow", "cat"], "a cow, a cat", [" cat"]],
  ["the longest from the left", ["cat dog", "dog cat"], "a cat dog cat", []],
  ["nothing of nothing", [""], "cat", []],
])("%s", async (_, nouns, caption, found) => {
  const own = await tokenizer();
  const { ids } = own.encode(caption);
  const places = new NounFinder(nouns, own).singleTokens(ids);
  expect(places.map((place) => own.decode([ids[place]!]))).toEqual(found);
});

/** Behind four special tokens, 256 bytes and "ca": "cat", " cat"; behind "do": "dog", " dog". */
const nounIds = [261, 262, 264, 265];
const nouns = ["cat", "dog"];

async function accuracyOf(folder: string, dataset: typeof data, options: Partial<NounsOptions> = {}) {
  const model = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => model.dispose());
  const { tokenizer: own } = await BridgeTowerProcessor.fromPretrained(folder);
  return nounAccuracy(model, dataset, { nouns, tokenizer: own, ...options });
}

test("each noun of the captions alone, as fillMask fills it", async () => {
  const model = await tinyCheckpoint({
    // It knows of a masked token only that it is a noun.
    edit: (weights) => {
      const bias = weights.get("mlm_score.bias")!.data as Float32Array;
      for (const noun of nounIds) bias[noun]! += 1000;
    },
  });
  const tower = await BridgeTower.fromPretrained(model);
  onTestFinished(() => tower.dispose());
  const right: number[] = [];
  for (const { captions = [], images } of rows) {
    for (const caption of captions) {
      for (const { 0: word, index } of caption.matchAll(/ ?\b(cat|dog)\b/g)) {
        // The mask takes the place of the space too.
        const text = `${caption.slice(0, index)}<mask>${caption.slice(index + word.length)}`;
        const { masks } = await tower.fillMask(images[0]!, text, { topK: 1 });
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

test("a decoder that is its bias alone names one noun, wherever it stands", async () => {
  const model = await tinyCheckpoint({
    edit: (weights) => {
      fillWeights(weights, /^mlm_score\.(decoder\.weight|bias)$/, 0);
      (weights.get("mlm_score.bias")!.data as Float32Array)[nounIds[1]!] = 2;
    },
  });
  const captions = ["a cat a dog a cat", "dog", "no such thing"];
  const some = memoryData([{ images: rows[0]!.images, captions }]);
  expect(await accuracyOf(model, some)).toEqual({ nouns_accuracy: 2 / 4, nouns_tokens: 4 });
  expect(await accuracyOf(model, some, { captionsPerRow: 1 })).toEqual({ nouns_accuracy: 2 / 3, nouns_tokens: 3 });
  expect(await accuracyOf(model, some, { limit: 0 })).toEqual({ nouns_tokens: 0 });
  expect(await accuracyOf(model, some, { nouns: ["tree"] })).toEqual({ nouns_tokens: 0 });
});
