import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { vocabularyOf } from "../vocabulary/vocabulary.js";
import { loadSprites, writeSprites } from "./index.js";

const noun = { noun: "dog", plural: "dogs", cats: ["animal"], hex: ["1f436", "1f415"], syn: [] };
const vocabulary = vocabularyOf({ nouns: [noun], confusable: [], keywords: {} });
const edge = 16;
const entries = [
  { set: "noto", codePoint: "1f436" },
  { set: "noto", codePoint: "1f600" },
  { set: "openmoji", codePoint: "1f415" },
];
const images = entries.map((_, i) => new Uint8Array(edge * edge * 4).fill(10 * (i + 1)));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sprites-"));
  await writeSprites(folder, { edge, sources: ["art@1.0.0"], entries }, images);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const failure = () =>
  loadSprites(folder, vocabulary).catch((error: unknown) => (error as Error).message.replaceAll(folder, "FOLDER"));

test("written sprites can be loaded: nouns by code point, three sizes", async () => {
  const { sprites, levels } = await loadSprites(folder, vocabulary);
  expect(sprites).toEqual([
    { set: "noto", codePoint: "1f436", noun: 0, image: 0, held: false },
    { set: "openmoji", codePoint: "1f415", noun: 0, image: 2, held: false },
  ]);
  expect(levels.map((level) => level.edge)).toEqual([16, 8, 4]);
  for (const level of levels) expect(level.pixels.at(-1)).toBe(30);
  expect((await readdir(folder)).sort()).toEqual(["sprites.json", "sprites.rgba"]);
});

test("missing, truncated and other files are refused, with the command that makes them", async () => {
  await truncate(join(folder, "sprites.rgba"), 100);
  expect(await failure()).toMatchInlineSnapshot(
    `"FOLDER/sprites.rgba: expected 3072 bytes, for the 3 sprites of sprites.json, found 100 bytes. Make them with npm run emoji:sprites."`,
  );
  await rm(join(folder, "sprites.rgba"));
  expect(await failure()).toMatchInlineSnapshot(
    `"FOLDER/sprites.rgba: expected the sprites of the art sets, found no such file. Make them with npm run emoji:sprites."`,
  );
  await writeFile(join(folder, "sprites.json"), '{"edge": 7}');
  expect(await failure()).toMatchInlineSnapshot(
    `"FOLDER/sprites.json: expected the list of sprites that make-sprites writes, found something else. Make them with npm run emoji:sprites."`,
  );
  await rm(join(folder, "sprites.json"));
  expect(await failure()).toMatchInlineSnapshot(
    `"FOLDER/sprites.json: expected the sprites of the art sets, found no such file. Make them with npm run emoji:sprites."`,
  );
});
