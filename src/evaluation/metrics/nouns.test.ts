/** Nouns in tokenized captions, and what tiny checkpoints take them for. */
import { expect, onTestFinished, test } from "vitest";
import { Tokenizer } from "../../processing/index.js";
import { BridgeTower } from "../../inference/index.js";
import { fillWeights, tinyCheckpoint } from "../../inference/tiny-checkpoint.test-support.js";
import { memoryData } from "../memory-data.test-support.js";
import { data, resultsOf, rows } from "../tiny-rows.test-support.js";
import { NounFinder } from "./noun-finder.js";

/** Knows "cat", "dog" and "a", and the three behind a space, as one token each. */
const tokenizer = async () => Tokenizer.fromFolder(await tinyCheckpoint());

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
const withNouns = { ...data, nouns: ["cat", "dog"] };

test("each noun of the captions alone, as fillMask fills it", async () => {
  const model = await tinyCheckpoint({
    // Of a masked token it knows only that it is a noun.
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
  const results = await resultsOf({ model, data: withNouns, metrics: ["nouns"] });
  expect(results).toEqual({
    nouns_accuracy: right.reduce((sum, one) => sum + one, 0) / right.length,
    nouns_tokens: right.length,
    rows: 5,
    skipped_images: 0,
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
  const some = { ...memoryData([{ images: rows[0]!.images, captions }]), nouns: withNouns.nouns };
  const nouns = { model, data: some, metrics: ["nouns"] } as const;
  expect(await resultsOf(nouns)).toMatchObject({ nouns_accuracy: 2 / 4, nouns_tokens: 4 });
  expect(await resultsOf({ ...nouns, captionsPerRow: 1 })).toMatchObject({ nouns_accuracy: 2 / 3, nouns_tokens: 3 });
  // Start, "a", " cat", " a", " dog", end: truncated tokens are not evaluated.
  const cut = await resultsOf({ ...nouns, captionsPerRow: 1, maxTextLength: 6 });
  expect(cut).toMatchObject({ nouns_accuracy: 1 / 2, nouns_tokens: 2 });
  const none = await resultsOf({ ...nouns, data: { ...some, nouns: ["tree"] } });
  expect(none).toEqual({ nouns_tokens: 0, rows: 1, skipped_images: 0 });
});
