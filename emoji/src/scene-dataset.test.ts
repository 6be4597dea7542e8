import { expect, test } from "vitest";
import sharp from "sharp";
import { answerList, nounWords, sceneDataset, SceneSource } from "./index.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const source = new SceneSource(sprites, vocabulary, { size: 48, split: "val", seed: 2 });
const kinds = ["captions", "questions", "hypotheses", "statements", "negatives"] as const;

test.each(["scenes", "pairs"] as const)("%s: each row has the number of texts in counts", (kind) => {
  const dataset = sceneDataset(source, { rows: 60, kind });
  for (let row = 0; row < dataset.rows; row++) {
    const texts = dataset.texts(row);
    for (const name of kinds) expect(texts[name].length).toBe(dataset.counts[name][row]);
    expect(texts.statements.length).toBe(kind === "scenes" ? 0 : 1);
    expect(Math.min(texts.captions.length, texts.questions.length, texts.negatives.length)).toBeGreaterThan(0);
    expect(dataset.images(row).length).toBe(kind === "scenes" ? 1 : 2);
  }
});

test("texts of a pair are about the left scene or both, and the first image shows the left one", () => {
  const dataset = sceneDataset(source, { rows: 20, kind: "pairs" });
  for (let row = 0; row < 20; row++) {
    const { captions, negatives, hypotheses, statements, questions } = dataset.texts(row);
    const { questions: asked, ...others } = source.pairTexts(row);
    expect({ captions, negatives, hypotheses, statements }).toEqual(others);
    expect(questions.map(({ question, answers }) => ({ question, answer: answers[0]!.answer }))).toEqual(asked);
    expect(questions.every(({ answers }) => answers.length === 1 && answers[0]!.score === 1)).toBe(true);
  }
});

test("reading one kind of text makes no other", () => {
  const row = sceneDataset(source, { rows: 2, kind: "pairs" }).texts(1);
  expect(row.captions).toBe(row.captions);
  expect(Object.keys(row).sort()).toEqual([...kinds].sort());
  // Texts that cannot be made cause no error until they are read.
  const broken = new SceneSource(sprites, { ...vocabulary, hypernyms: [] }, source.options);
  const texts = sceneDataset(broken, { rows: 1 }).texts(0);
  expect(texts.captions).toEqual(source.texts(0).captions);
  expect(() => texts.questions).toThrow();
});

test("all questions have an answer in the list", () => {
  const dataset = sceneDataset(source, { rows: 300 });
  const answers = answerList(vocabulary);
  const given = Array.from({ length: 300 }, (_, row) => dataset.texts(row).questions.map((one) => one.answers[0]!));
  expect(given.flat().filter(({ answer }) => !answers.includes(answer))).toEqual([]);
  expect([dataset.labelled, new Set(answers).size]).toEqual([true, answers.length]);
});

test("captions use these words besides their nouns", () => {
  const dataset = sceneDataset(source, { rows: 3000 });
  const nouns = nounWords(vocabulary);
  expect([nouns.length, new Set(nouns).size]).toEqual([1496, 1496]);
  const maxFirst = [...nouns].sort((a, b) => b.length - a.length);
  const noun = new RegExp(`(?<![\\w-])(?:${maxFirst.join("|")})(?![\\w-])`, "g");
  const others = new Set<string>();
  for (let row = 0; row < dataset.rows; row++) {
    // The first caption may be a list of keywords.
    for (const caption of dataset.texts(row).captions.slice(1)) {
      expect(caption).toMatch(noun);
      for (const word of caption.replace(noun, "").match(/[^\s,:]+/g) ?? []) others.add(word);
    }
  }
  expect([...others].sort().join(" ")).toMatchInlineSnapshot(
    `"a above an and are at background beach below beneath between big bigger black blue bottom brown center checkered checks city corner desert dots dotted drawing five four from grass gray green image in is large larger left little next night of on one over pair picture pink purple red right road room sea set side small smaller snow space striped stripes sunset than the there this three tiny to top two under water white with yellow"`,
  );
});

test("an image file decodes to its pixels", async () => {
  const dataset = sceneDataset(source, { rows: 5, kind: "pairs", first: 100 });
  const [left, right] = dataset.images(3);
  for (const [image, side] of [[left!, 0] as const, [right!, 1] as const]) {
    const decoded = await sharp(await image.read())
      .raw()
      .toBuffer();
    expect(Buffer.compare(decoded, source.pairImage(103, side).data)).toBe(0);
  }
  expect(left!.name).toMatchInlineSnapshot(`"pairs of val, seed 2, 48 px: left of pair 103"`);
});

test.each(["captions", "questions"] as const)(
  "sampled %s: one for each row in turn, and all other texts",
  (sampled) => {
    const all = sceneDataset(source, { rows: 9, first: 4 });
    const dataset = sceneDataset(source, { rows: 9, first: 4, sampled });
    expect([...dataset.counts[sampled]]).toEqual(Array(9).fill(1));
    for (let row = 0; row < 9; row++) {
      const { [sampled]: list, ...others } = all.texts(row);
      expect(dataset.texts(row)).toEqual({ ...others, [sampled]: [list[row % list.length]] });
    }
  },
);

test("first and rows select a range of scenes", () => {
  const dataset = sceneDataset(source, { rows: 3, first: 7 });
  expect(dataset.texts(1).captions).toEqual(source.texts(8).captions);
  expect(() => dataset.texts(3)).toThrow("row 3 of 3");
  expect(() => dataset.images(-1)).toThrow("row -1 of 3");
});
