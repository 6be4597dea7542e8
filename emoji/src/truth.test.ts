/** Checks every text against the painted scene. */
import { expect, test } from "vitest";
import { TextChecker, type Seen } from "./text-checker.test-support.js";
import { type SceneContents, SceneSource, type SceneTexts } from "./scene-source.js";
import { splits } from "./splits.js";
import { nounWords } from "./texts/caption.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const checker = new TextChecker(vocabulary);
const edge = 96;
const scenesPerSplit = 300;

test.each(splits)("%s: captions are true, negatives false, answers right, hypotheses as labelled", (split) => {
  const source = new SceneSource(sprites, vocabulary, { size: edge, split, seed: 5 });
  const wrong = Array.from({ length: scenesPerSplit }, (_, index) => [
    ...mistakes(source.contents(index), source.texts(index)),
    ...mistakes(source.pairContents(index)[0], source.pairTexts(index)).map((mistake) => `left of pair ${mistake}`),
  ]);
  expect(wrong.flat()).toEqual([]);
});

test('captions of "things" are true and name only things', () => {
  const arrangements = ["single", "pair", "size", "three"] as const;
  const options = { size: edge, split: "train", seed: 8, arrangements, captions: "things" } as const;
  const source = new SceneSource(sprites, vocabulary, options);
  // "red apple" before "apple".
  const words = nounWords(vocabulary).sort((one, other) => other.length - one.length);
  const other = new Set<string>();
  for (let index = 0; index < scenesPerSplit; index++) {
    const { facts, objects } = source.contents(index);
    for (const caption of source.texts(index).captions.slice(1)) {
      expect(checker.isTrue(caption, { objects, background: facts.background, edge }), caption).toBe(true);
      const rest = words.reduce((text, word) => text.replaceAll(new RegExp(`\\b${word}\\b`, "g"), ""), caption);
      for (const word of rest.match(/\w+/g) ?? []) other.add(word);
    }
  }
  const joints = ["and", "with", "next", "to", "a", "an", "pair", "set", "of"];
  const openings = ["picture", "image", "drawing", "this", "there", "these", "is", "are"];
  expect([...other].sort()).toEqual([...joints, ...openings].sort());
  // Captions of pairs mention all facts, because their scenes may count things.
  const all = new SceneSource(sprites, vocabulary, { ...options, captions: "all" });
  for (let index = 0; index < 100; index++) {
    expect(source.pairTexts(index).captions).toEqual(all.pairTexts(index).captions);
  }
});

/** Texts of a scene with a wrong label. */
function mistakes({ facts, objects }: SceneContents, texts: SceneTexts): string[] {
  const wrong: string[] = [];
  const seen: Seen = { objects, background: facts.background, edge };
  const expectTruth = (text: string, truth: boolean) => {
    if (checker.isTrue(text, seen) !== truth) wrong.push(`${text}: not ${truth}`);
  };
  // The first caption may be a list of keywords.
  for (const caption of texts.captions.slice(1)) expectTruth(caption, true);
  for (const { text } of texts.negatives) expectTruth(text, false);
  expectTruth(texts.hypotheses[0]!.text, true);
  expectTruth(texts.hypotheses[1]!.text, false);
  expect(texts.hypotheses.map(({ label }) => label)).toEqual([2, 0, 1]);
  for (const { question, answer } of texts.questions) {
    const right = checker.answer(question, seen);
    if (right !== answer) wrong.push(`${question}: ${right}, not ${answer}`);
  }
  return wrong;
}

test("statements have the right label, and half are true", () => {
  const source = new SceneSource(sprites, vocabulary, { size: edge, split: "train", seed: 6 });
  const wrong: string[] = [];
  let truths = 0;
  const count = 1500;
  for (let index = 0; index < count; index++) {
    const [left, right] = source
      .pairContents(index)
      .map(({ facts, objects }) => ({ objects, background: facts.background, edge }));
    const { text, label } = source.statement(index);
    truths += label;
    if (checker.statementIsTrue(text, left!, right!) !== (label === 1)) wrong.push(`${index}: ${text}: not ${label}`);
  }
  expect(wrong).toEqual([]);
  expect(Math.abs(truths / count - 0.5)).toBeLessThan(0.06);
});

test("neutral hypotheses are about things in the scene", () => {
  const source = new SceneSource(sprites, vocabulary, { size: edge, split: "val", seed: 7 });
  for (let index = 0; index < 200; index++) {
    const scenes = [
      [source.contents(index), source.texts(index)],
      [source.pairContents(index)[0], source.pairTexts(index)],
    ] as const;
    for (const [{ facts }, { hypotheses }] of scenes) {
      const { text } = hypotheses[2]!;
      const words = facts.things.flatMap(({ noun, word }) => [word, vocabulary.nouns[noun]!.plural, word.slice(0, -1)]);
      expect(words.filter((word) => text.includes(word)).length, text).toBeGreaterThan(0);
    }
  }
});
