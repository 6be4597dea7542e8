/** Options of scenes, as in a settings file. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerList, openScenes, SceneSource, type ScenesOptions } from "./index.js";
import { loadSprites, writeSprites } from "./sprites/index.js";
import { syntheticSets } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const edge = 16;

let folder: string;
let valid: ScenesOptions;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scenes-"));
  const codePoints = vocabulary.nouns.flatMap(({ hex }) => hex);
  const entries = syntheticSets.flatMap((set) => codePoints.map((codePoint) => ({ set, codePoint })));
  const image = Uint8Array.from({ length: edge * edge * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  await writeSprites(
    folder,
    { edge, sources: ["art@1.0.0"], entries },
    entries.map(() => image),
  );
  valid = { sprites: folder, split: "val", seed: 7, rows: 30, size: 32 };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The error of these options, without the temporary folder. */
const problemOf = (options: unknown) =>
  openScenes(options as ScenesOptions).then(
    () => "none",
    (error: unknown) => String(error).replaceAll(folder, "FOLDER"),
  );

test("the data set has the scenes and texts that the options describe", async () => {
  const dataset = await openScenes({ ...valid, kind: "pairs", first: 100 });
  const sprites = await loadSprites(folder, vocabulary);
  const source = new SceneSource(sprites, vocabulary, { size: 32, split: "val", seed: 7 });
  expect([dataset.name, dataset.rows, dataset.labelled]).toEqual(["pairs of val, seed 7, 32 px", 30, true]);
  expect(dataset.texts(3).captions).toEqual(source.pairTexts(103).captions);
  expect(dataset.texts(3).statements).toEqual([source.statement(103)]);
  const [left, right] = dataset.images(3);
  const pixels = await sharp(await left!.read())
    .raw()
    .toBuffer();
  expect(Buffer.compare(pixels, source.pairImage(103, 0).data)).toBe(0);
  expect(right!.name).toBe("pairs of val, seed 7, 32 px: right of pair 103");
});

test("kind defaults to scenes and first to 0", async () => {
  const [dataset, same] = [await openScenes(valid), await openScenes({ ...valid, kind: "scenes", first: 0 })];
  expect({ ...dataset.texts(29) }).toEqual({ ...same.texts(29) });
  expect(dataset.images(0).length).toBe(1);
});

test("invalid options are named with their allowed values", async () => {
  const { seed: _, ...withoutSeed } = valid;
  const all: readonly unknown[] = [
    { ...valid, colour: "red" },
    JSON.parse('{ "__proto__": 1 }'),
    withoutSeed,
    { ...valid, sprites: "" },
    { ...valid, sprites: "gone\0" },
    { ...valid, split: "vall" },
    { ...valid, split: 3 },
    { ...valid, kind: "pair" },
    { ...valid, seed: -1 },
    { ...valid, seed: 2 ** 53 },
    { ...valid, rows: 0 },
    { ...valid, rows: 2 ** 24 + 1 },
    { ...valid, rows: "9".repeat(100) },
    { ...valid, size: 15 },
    { ...valid, size: 96.5 },
    { ...valid, first: 2 ** 52 + 1 },
    { ...valid, arrangements: ["row"] },
    { ...valid, kind: "pairs", arrangements: ["single"] },
    { ...valid, captions: "nouns" },
    { ...valid, captions: "things" },
    { ...valid, kind: "pairs", captions: "things" },
    { ...valid, sampled: "statements" },
    [valid.split],
    null,
  ];
  const problems: string[] = [];
  for (const options of all) problems.push(await problemOf(options));
  expect(problems.join("\n")).toMatchInlineSnapshot(`
    "InputError: scenes: expected only the options sprites, split, kind, arrangements, captions, sampled, seed, rows, size, first, found "colour". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: scenes: expected only the options sprites, split, kind, arrangements, captions, sampled, seed, rows, size, first, found "__proto__". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: seed of the scenes: expected a whole number, 0 to 2^53 - 1, found undefined. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: sprites of the scenes: expected the folder that npm run emoji:sprites wrote, found "". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: gone\\u0000/sprites.json: expected the sprites of the art sets, found no such file. Make them with npm run emoji:sprites.
    InputError: split of the scenes: expected one of train, val, combo, drawing, style, style-openmoji, style-emojione-v1, synonym, found "vall". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: split of the scenes: expected one of train, val, combo, drawing, style, style-openmoji, style-emojione-v1, synonym, found 3. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: kind of the scenes: expected scenes or pairs, found "pair". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: seed of the scenes: expected a whole number, 0 to 2^53 - 1, found -1. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: seed of the scenes: expected a whole number, 0 to 2^53 - 1, found 9007199254740992. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: rows of the scenes: expected a whole number, 1 to 2^24, found 0. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: rows of the scenes: expected a whole number, 1 to 2^24, found 16777217. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: rows of the scenes: expected a whole number, 1 to 2^24, found "99999999999999999999999999999999999999999999999999999999999…. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: size of the scenes: expected a whole number of pixels, 16 to 1024, found 15. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: size of the scenes: expected a whole number of pixels, 16 to 1024, found 96.5. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: first of the scenes: expected the number of the first scene, 0 to 2^52, found 4503599627370497. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: arrangements of the scenes: expected a list of some of single, pair, size, count, three; pairs have all of them, found ["row"]. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: arrangements of the scenes: expected a list of some of single, pair, size, count, three; pairs have all of them, found ["single"]. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: captions of the scenes: expected all or things; pairs have "all", found "nouns". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: captions: expected arrangements without count, whose captions tell numbers, or captions "all", found "things".
    InputError: captions of the scenes: expected all or things; pairs have "all", found "things". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: sampled of the scenes: expected captions or questions, found "statements". Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: scenes: expected an object with options, found ["val"]. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: scenes: expected an object with options, found null. Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }."
  `);
});

test("recipes/answers.json has the answers of the vocabulary", async () => {
  const file = new URL("../recipes/answers.json", import.meta.url);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual(answerList(vocabulary));
});

test("without sprites the error names the command that makes them", async () => {
  expect(await problemOf({ ...valid, sprites: join(folder, "gone") })).toBe(
    "InputError: FOLDER/gone/sprites.json: expected the sprites of the art sets, found no such file. Make them with npm run emoji:sprites.",
  );
});
