import { expect, test } from "vitest";
import type { RawImage } from "bridgetower";
import { kinds, kindShares } from "./facts.js";
import { type SceneOptions, SceneSource, textsPerScene } from "./scene-source.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const sourceOf = (options: Partial<SceneOptions> = {}) =>
  new SceneSource(sprites, vocabulary, { size: 96, split: "train", seed: 1, ...options });

/** Pixels as one string: comparing single values would take most of the time. */
const packed = ({ data, ...rest }: RawImage) => ({ ...rest, data: Buffer.from(data).toString("base64") });

test("the same seed gives the same bits, in any order of calls", () => {
  const [one, other] = [sourceOf(), sourceOf()];
  const scene = (source: SceneSource, index: number) => {
    const { image, ...rest } = source.scene(index);
    return { ...rest, image: packed(image) };
  };
  const pair = (source: SceneSource, index: number) => {
    const { images, ...rest } = source.pairScene(index);
    return { ...rest, images: images.map(packed) };
  };
  const numbers = Array.from({ length: 30 }, (_, i) => i);
  const backwards = [...numbers].reverse().map((index) => [pair(other, index), scene(other, index)]);
  const forwards = numbers.map((index) => [pair(one, index), scene(one, index)]);
  expect(forwards).toEqual(backwards.reverse());
});

test("a part made alone equals that of the whole scene", () => {
  const source = sourceOf();
  for (let index = 0; index < 40; index++) {
    const { image, facts, objects, ...texts } = source.scene(index);
    expect(packed(source.image(index))).toEqual(packed(image));
    expect(source.contents(index)).toEqual({ facts, objects });
    expect(source.texts(index)).toEqual(texts);
    expect(source.caption(index)).toBe(texts.captions[0]);
  }
});

test("texts of a kind do not depend on which other parts are made before", () => {
  const source = sourceOf();
  const kinds = ["captions", "negatives", "questions", "hypotheses"] as const;
  for (let index = 0; index < 20; index++) {
    const forwards = { ...sourceOf().pairTexts(index) };
    const lazy = source.pairTexts(index);
    for (const kind of [...kinds].reverse()) {
      source.pairContents(index + 1);
      expect(lazy[kind]).toEqual(forwards[kind]);
      expect(lazy[kind]).toBe(lazy[kind]);
    }
    expect(forwards.statements).toEqual([source.statement(index)]);
  }
});

test("seeds, splits and numbers give different scenes", () => {
  const captions = (source: SceneSource) => Array.from({ length: 20 }, (_, i) => source.caption(i)).join("\n");
  const all = [sourceOf(), sourceOf({ seed: 2 }), sourceOf({ split: "val" }), sourceOf({ split: "combo" })].map(
    captions,
  );
  expect(new Set(all).size).toBe(all.length);
  expect(new Set(all[0]!.split("\n")).size).toBeGreaterThan(15);
});

test("the texts of a seed do not change", () => {
  const source = sourceOf({ split: "val", seed: 1 });
  const texts = [0, 1, 2, 3].map((index) => {
    const { captions, negatives, questions, hypotheses } = source.texts(index);
    const { question, answer } = questions[0]!;
    return `${captions[0]!} / ${negatives[0]!.text} / ${question} ${answer} / ${hypotheses[2]!.text}`;
  });
  expect(texts).toMatchInlineSnapshot(`
    [
      "a large monorail and a tiny gravestone in space / a donkey next to a monorail in space / is the monorail to the left of the gravestone? yes / the monorail is new",
      "a tooth to the right of a pizza / a pizza to the right of a tooth / what is right of the pizza? tooth / the tooth is from another country",
      "a map over a balloon on a green background / a balloon above a map / is the background gray? no / the map is a present",
      "a thermometer on the left of an eggplant on a brown and blue background / a thermometer to the left of a mango / is there a thermometer in the picture? yes / the thermometer is very old",
    ]
  `);
  const ofPairs = [0, 1, 2].map((index) => {
    const { captions, negatives, questions, hypotheses } = source.pairTexts(index);
    return [captions[1], negatives[0]!.text, questions[0]!.question, hypotheses[0]!.text].join(" / ");
  });
  expect(ofPairs).toMatchInlineSnapshot(`
    [
      "a large donkey in space / a small donkey in space / is there an animal? / a donkey in space",
      "a cocktail left of a beetle on the road / a medal with a cocktail / what is left of the beetle? / a beetle with a cocktail",
      "a big shamrock at sea / a large eye / is there a shamrock? / a big shamrock at sea",
    ]
  `);
  expect([0, 1, 2].map((index) => source.statement(index).text)).toMatchInlineSnapshot(`
    [
      "the right image shows a donkey",
      "only the left image shows a beetle",
      "there are more clovers in the left image than in the right image",
    ]
  `);
});

test("another size has the same layout and the same texts", () => {
  const [small, large] = [sourceOf({ split: "val" }), sourceOf({ split: "val", size: 192 })];
  for (let index = 0; index < 60; index++) {
    const [one, other] = [small.contents(index), large.contents(index)];
    expect(other.facts).toEqual(one.facts);
    one.objects.forEach(({ drawing, box }, i) => {
      expect(other.objects[i]!.drawing).toEqual(drawing);
      for (const side of ["left", "top", "right", "bottom"] as const) {
        expect(Math.abs(other.objects[i]!.box[side] / 2 - box[side])).toBeLessThanOrEqual(1.5);
      }
    });
    expect(large.texts(index)).toEqual(small.texts(index));
  }
});

test("a larger image looks like the smaller one", () => {
  const [small, large] = [sourceOf({ split: "val" }), sourceOf({ split: "val", size: 192 })];
  for (let index = 0; index < 40; index++) {
    const [{ data: one }, { data: other }] = [small.image(index), large.image(index)];
    // Means of blocks of 16 x 16 against those of 32 x 32.
    const means = (data: Uint8Array, edge: number) => {
      const sums = new Float64Array(6 * 6 * 3);
      data.forEach((value, i) => {
        const [x, y] = [Math.floor(i / 3) % edge, Math.floor(i / 3 / edge)];
        sums[(Math.floor((y * 6) / edge) * 6 + Math.floor((x * 6) / edge)) * 3 + (i % 3)]! += value / (edge / 6) ** 2;
      });
      return sums;
    };
    const wanted = means(one, 96);
    const difference = means(other, 192).reduce((sum, mean, i) => sum + Math.abs(mean - wanted[i]!), 0) / wanted.length;
    expect(difference, String(index)).toBeLessThan(8);
  }
});

test("kinds are sampled by their shares, and every scene has the same number of texts", () => {
  const source = sourceOf({ seed: 4 });
  const count = 4000;
  const seen = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const { kind } = source.contents(index).facts;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  for (const [kind, share] of Object.entries(kindShares)) {
    // Four standard errors.
    expect(Math.abs(seen.get(kind)! / count - share), kind).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / count));
  }
  for (let index = 0; index < 500; index++) {
    const { captions, negatives, questions, hypotheses } = source.texts(index);
    const counts = { captions: captions.length, negatives: negatives.length, questions: questions.length };
    expect({ ...counts, hypotheses: hypotheses.length, statements: 1 }).toEqual(textsPerScene);
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  }
});

test("only the named arrangements are made; naming all equals the default", () => {
  const kindsOf = (source: SceneSource) => Array.from({ length: 60 }, (_, i) => source.contents(i).facts.kind);
  expect(new Set(kindsOf(sourceOf({ arrangements: ["single", "count"] })))).toEqual(new Set(["single", "count"]));
  expect(new Set(kindsOf(sourceOf({ split: "val", arrangements: ["three"] })))).toEqual(new Set(["three"]));
  const all = sourceOf({ arrangements: kinds });
  expect(all.scene(5)).toEqual(sourceOf().scene(5));
  expect(() => sourceOf({ split: "synonym", arrangements: ["single"] })).toThrow(
    'arrangements: expected others than single, as this split shows known words among other things, found ["single"].',
  );
});

test("18% of single things in training have keywords as a caption", () => {
  const source = sourceOf({ seed: 9 });
  const labels = new Set([...vocabulary.keywords.values()].map(({ label }) => label.toLowerCase()));
  let [singles, listed] = [0, 0];
  for (let index = 0; index < 4000; index++) {
    if (source.contents(index).facts.kind !== "single") continue;
    singles++;
    // "dragon" alone is a keyword: captions have an article.
    if (labels.has(source.caption(index).split(", ")[0]!)) listed++;
  }
  expect(Math.abs(listed / singles - 0.18)).toBeLessThan(0.05);
});

/** Accuracy of the most frequent answer to the same text without its nouns. */
function blindAccuracy(texts: readonly (readonly [text: string, answer: string])[]): number {
  const words = vocabulary.nouns.flatMap(({ noun, plural, syn }) => [noun, plural, ...syn]);
  const noun = new RegExp(`\\b(?:${words.sort((a, b) => b.length - a.length).join("|")})\\b`, "g");
  const answers = new Map<string, Map<string, number>>();
  for (const [text, answer] of texts) {
    const skeleton = text.replace(noun, "N");
    const counts = answers.get(skeleton) ?? new Map<string, number>();
    answers.set(skeleton, counts.set(answer, (counts.get(answer) ?? 0) + 1));
  }
  const right = [...answers.values()].reduce((sum, counts) => sum + Math.max(...counts.values()), 0);
  return right / texts.length;
}

test("accuracy without images equals that of the prototype", () => {
  const source = sourceOf({ seed: 7 });
  const numbers = Array.from({ length: 3000 }, (_, index) => index);
  const questions = numbers.flatMap((index) => source.texts(index).questions);
  const asked = questions.map(({ question, answer }) => [question, answer] as const);
  expect(Math.abs(blindAccuracy(asked) - 0.374)).toBeLessThan(0.015);
  const statements = numbers
    .map((index) => source.statement(index))
    .map(({ text, label }) => [text, String(label)] as const);
  expect(Math.abs(blindAccuracy(statements) - 0.563)).toBeLessThan(0.03);
});

test.each([15, 96.5, 1025])("a canvas of %d pixels is refused", (size) => {
  expect(() => sourceOf({ size })).toThrow(`size: expected a whole number of pixels, 16 to 1024, found ${size}.`);
});
