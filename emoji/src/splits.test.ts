import { expect, test } from "vitest";
import { backgroundKey } from "./backgrounds/background.js";
import type { Facts } from "./facts.js";
import { holdsBackgroundOut, holdsPairOut } from "./held-out.js";
import { type SceneContents, SceneSource, type SceneTexts } from "./scene-source.js";
import { isTrainingSet, type Split, splits } from "./splits.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const held = new Set(
  sprites.sprites.filter((sprite) => sprite.held).map(({ set, codePoint }) => `${set} ${codePoint}`),
);
const sourceOf = (split: Split, seed = 3) => new SceneSource(sprites, vocabulary, { size: 32, split, seed });
const scenes = (split: Split, count = 1000) =>
  Array.from({ length: count }, (_, i) => sourceOfSplit[split].contents(i));
const sourceOfSplit = Object.fromEntries(splits.map((split) => [split, sourceOf(split)])) as Record<Split, SceneSource>;

const wordsOf = ({ things }: Facts) => things.map(({ noun }) => vocabulary.nouns[noun]!.noun);
const hasHeldPair = (facts: Facts) =>
  wordsOf(facts).some((one, i) => wordsOf(facts).some((other, j) => i < j && holdsPairOut(one, other)));
const hasHeldBackground = (facts: Facts) =>
  wordsOf(facts).some((noun) => holdsBackgroundOut(noun, backgroundKey(facts.background)));
const isKnownDrawing = ({ objects }: SceneContents) =>
  objects.every(({ drawing: { set, codePoint } }) => isTrainingSet(set) && !held.has(`${set} ${codePoint}`));

test("training scenes and pairs show nothing that is held out", () => {
  const pairs = Array.from({ length: 500 }, (_, i) => sourceOfSplit.train.pairContents(i)).flat();
  for (const scene of [...scenes("train"), ...pairs]) {
    expect(isKnownDrawing(scene)).toBe(true);
    expect(hasHeldPair(scene.facts)).toBe(false);
    expect(hasHeldBackground(scene.facts)).toBe(false);
    const heldWord = scene.facts.things.some(({ word }) => vocabulary.heldSynonyms.has(word));
    expect(heldWord && scene.facts.kind !== "single").toBe(false);
  }
});

test("training texts about several things have no held-out synonym, also in false sentences", () => {
  const words = vocabulary.nouns.flatMap(({ noun, plural, syn }) => [noun, plural, ...syn]);
  // The longest first: "bowling ball" must not match the synonym "ball".
  const word = new RegExp(`\\b(?:${words.sort((a, b) => b.length - a.length).join("|")})(?=e?s?\\b)`, "g");
  const heldWords = ({ captions, negatives, questions, hypotheses }: SceneTexts) => {
    const falseOnes = [...negatives, ...hypotheses].map(({ text }) => text);
    const texts = [...captions, ...falseOnes, ...questions.map(({ question }) => question)];
    return texts.flatMap((text) => text.match(word) ?? []).filter((one) => vocabulary.heldSynonyms.has(one));
  };
  const { train } = sourceOfSplit;
  let inSingles = 0;
  for (let index = 0; index < 1500; index++) {
    const scenes = [
      [train.contents(index), train.texts(index)],
      [train.pairContents(index)[0], train.pairTexts(index)],
    ] as const;
    for (const [{ facts }, texts] of scenes) {
      const found = heldWords(texts);
      if (facts.kind === "single") inSingles += found.length;
      else expect(found).toEqual([]);
    }
  }
  expect(inSingles).toBeGreaterThan(0);
});

test("each test split is new in exactly one way", () => {
  for (const { facts, ...scene } of scenes("combo")) {
    expect(hasHeldPair(facts) || (facts.things.length === 1 && hasHeldBackground(facts))).toBe(true);
    expect(isKnownDrawing({ facts, ...scene })).toBe(true);
  }
  for (const scene of scenes("drawing")) {
    const [first] = scene.objects;
    expect(held.has(`${first!.drawing.set} ${first!.drawing.codePoint}`)).toBe(true);
    expect(scene.objects.every(({ drawing }) => isTrainingSet(drawing.set))).toBe(true);
  }
  const setsOf = (split: Split) =>
    new Set(scenes(split).flatMap(({ objects }) => objects.map(({ drawing }) => drawing.set)));
  expect(setsOf("style")).toEqual(new Set(["openmoji", "emojione-v1"]));
  expect(setsOf("style-openmoji")).toEqual(new Set(["openmoji"]));
  expect(setsOf("style-emojione-v1")).toEqual(new Set(["emojione-v1"]));
  for (const scene of scenes("synonym")) {
    expect(scene.facts.kind).not.toBe("single");
    expect(scene.facts.things.some(({ word }) => vocabulary.heldSynonyms.has(word))).toBe(true);
    expect(isKnownDrawing(scene)).toBe(true);
  }
  for (const split of ["val", "drawing", "style", "synonym"] as const) {
    expect(scenes(split, 300).some(({ facts }) => hasHeldPair(facts) || hasHeldBackground(facts))).toBe(false);
  }
});

test("things that can be confused are never in the same scene", () => {
  for (const { facts } of splits.flatMap((split) => scenes(split, 300))) {
    const nouns = facts.things.map(({ noun }) => noun);
    expect(nouns.some((one, i) => nouns.some((other, j) => i < j && vocabulary.confusable(one, other)))).toBe(false);
  }
});
