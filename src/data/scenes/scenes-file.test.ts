import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openDataset } from "../index.js";
import { openScenes, SceneSource } from "./index.js";
import { loadSprites, writeSprites } from "./sprites/index.js";
import { syntheticSets } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const valid = { sprites: "../sprites", split: "val", seed: 7, rows: 30, size: 32 };
const edge = 16;

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scenes-"));
  const codePoints = vocabulary.nouns.flatMap(({ hex }) => hex);
  const entries = syntheticSets.flatMap((set) => codePoints.map((codePoint) => ({ set, codePoint })));
  const image = Uint8Array.from({ length: edge * edge * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  const contents = { edge, sources: ["art@1.0.0"], entries };
  await writeSprites(
    join(folder, "sprites"),
    contents,
    entries.map(() => image),
  );
  await mkdir(join(folder, "recipes"));
  file = join(folder, "recipes", "val.scenes.json");
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => write(valid));

const write = (document: unknown) => writeFile(file, JSON.stringify(document));

/** What is said when this is done, without the temporary folder. */
const complaint = (action: Promise<unknown>) =>
  action.then(
    () => "nothing",
    (error: unknown) => String(error).replaceAll(folder, "FOLDER"),
  );

test("a document is a data set: what it says, as the source makes it", async () => {
  await write({ ...valid, kind: "pairs", first: 100 });
  const dataset = await openDataset(file);
  const sprites = await loadSprites(join(folder, "sprites"), vocabulary);
  const source = new SceneSource(sprites, vocabulary, { size: 32, split: "val", seed: 7 });
  expect([dataset.name, dataset.rows, dataset.generated]).toEqual([file, 30, true]);
  expect(dataset.texts(3).captions).toEqual(source.pairTexts(103).captions);
  expect(dataset.texts(3).statements).toEqual([source.statement(103)]);
  const [left, right] = dataset.images(3);
  expect(Buffer.compare(left!.pixels!().data, source.pairImage(103, 0).data)).toBe(0);
  expect(right!.name).toBe("pairs of val, seed 7, 32 px: right of pair 103");
  expect([dataset.answers!.length, dataset.nouns!.length]).toEqual([669, 1496]);
  await dataset.close();
});

test("kind and first are scenes from 0 on; sprites may be absolute; the split may be said twice", async () => {
  await write({ ...valid, sprites: join(folder, "sprites") });
  const dataset = await openDataset({ path: file, split: "val", columns: {} });
  await write({ ...valid, kind: "scenes", first: 0 });
  const same = await openScenes(file);
  expect({ ...dataset.texts(29) }).toEqual({ ...same.texts(29) });
  expect(dataset.images(0).length).toBe(1);
});

test("another name, if the format is said; a folder of one document; one of several by its split", async () => {
  const other = join(folder, "recipes", "other.json");
  await writeFile(other, JSON.stringify({ ...valid, rows: 2 }));
  expect((await openDataset({ path: other, format: "scenes" })).rows).toBe(2);
  expect(await complaint(openDataset(other))).toContain(".tar, .scenes.json), found a .json file");
  expect((await openDataset(join(folder, "recipes"))).rows).toBe(30);
  const second = join(folder, "recipes", "combo.scenes.json");
  await writeFile(second, JSON.stringify({ ...valid, split: "combo", rows: 3 }));
  expect(await complaint(openDataset(join(folder, "recipes")))).toMatchInlineSnapshot(
    `"InputError: FOLDER/recipes: expected one description of scenes, found combo.scenes.json, val.scenes.json. Name the file instead of its folder."`,
  );
  expect((await openDataset({ path: join(folder, "recipes"), split: "combo" })).rows).toBe(3);
  expect(await complaint(openDataset({ path: file, format: "folder" }))).toMatchInlineSnapshot(
    `"InputError: FOLDER/recipes/val.scenes.json: expected a table of captions (.jsonl, .ndjson, .csv, .tsv), found .json. Rename it, or write it as JSON Lines or CSV."`,
  );
  await rm(second);
});

test("another split and names of columns are refused", async () => {
  expect(await complaint(openDataset({ path: file, split: "train" }))).toMatchInlineSnapshot(
    `"InputError: FOLDER/recipes/val.scenes.json: expected no other split than val, which the file names itself, found "train". Leave out the split, or name a file of that split."`,
  );
  expect(await complaint(openDataset({ path: file, columns: { caption: "text" } }))).toMatchInlineSnapshot(
    `"InputError: FOLDER/recipes/val.scenes.json: expected no names of columns, as scenes have none, found "text". Leave them out."`,
  );
});

test("each field that is wrong is named with what belongs there", async () => {
  const { seed: _, ...withoutSeed } = valid;
  const documents: readonly unknown[] = [
    { ...valid, colour: "red" },
    { ...valid, row: 5 },
    JSON.parse('{ "__proto__": 1 }'),
    withoutSeed,
    { ...valid, sprites: "" },
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
    { ...valid, kind: "scenes", arrangements: ["row"] },
    { ...valid, kind: "pairs", arrangements: ["single"] },
    { ...valid, captions: "nouns" },
    { ...valid, captions: "things" },
    { ...valid, kind: "pairs", captions: "things" },
    [valid],
    null,
  ];
  const said: string[] = [];
  for (const document of documents) {
    await write(document);
    said.push(await complaint(openDataset(file)));
  }
  expect(said.join("\n")).toMatchInlineSnapshot(`
    "InputError: FOLDER/recipes/val.scenes.json: expected only the fields sprites, split, kind, arrangements, captions, seed, rows, size, first, found "colour". Leave it out.
    InputError: FOLDER/recipes/val.scenes.json: expected only the fields sprites, split, kind, arrangements, captions, seed, rows, size, first, found "row". Did you mean rows.
    InputError: FOLDER/recipes/val.scenes.json: expected only the fields sprites, split, kind, arrangements, captions, seed, rows, size, first, found "__proto__". Leave it out.
    InputError: FOLDER/recipes/val.scenes.json, seed: expected a whole number, 0 to 2^53 - 1, found nothing. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, sprites: expected the folder that scripts/make-sprites.ts wrote, from the folder of this file on, found "". Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, split: expected train, val, combo, drawing, style, style-openmoji, style-emojione-v1, synonym, found "vall". Did you mean val.
    InputError: FOLDER/recipes/val.scenes.json, split: expected one of train, val, combo, drawing, style, style-openmoji, style-emojione-v1, synonym, found 3. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, kind: expected scenes or pairs, found "pair". Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, seed: expected a whole number, 0 to 2^53 - 1, found -1. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, seed: expected a whole number, 0 to 2^53 - 1, found 9007199254740992. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, rows: expected a whole number, 1 to 2^24, found 0. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, rows: expected a whole number, 1 to 2^24, found 16777217. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, rows: expected a whole number, 1 to 2^24, found "99999999999999999999999999999999999999999999999999999999999…. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, size: expected a whole number of pixels, 16 to 1024, found 15. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, size: expected a whole number of pixels, 16 to 1024, found 96.5. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, first: expected the number of the first scene, 0 to 2^52, found 4503599627370497. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, arrangements: expected a list of some of single, pair, size, count, three; of pairs all are drawn, found ["row"]. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, arrangements: expected a list of some of single, pair, size, count, three; of pairs all are drawn, found ["single"]. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, captions: expected all or things; those of pairs tell all, found "nouns". Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json, captions: expected arrangements without count, whose captions tell numbers, or captions "all", found "things".
    InputError: FOLDER/recipes/val.scenes.json, captions: expected all or things; those of pairs tell all, found "things". Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json: expected a JSON object, found [{"sprites":"../sprites","split":"val","seed":7,"rows":30,"s…. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json: expected a JSON object, found null. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }."
  `);
});

test("what is no document, and sprites that are not there", async () => {
  const said: string[] = [];
  for (const bytes of ["", '{"sprites": ', "\xff", `${JSON.stringify(valid)}${" ".repeat(65_536)}`]) {
    await writeFile(file, bytes, "latin1");
    said.push(await complaint(openDataset(file)));
  }
  await write({ ...valid, sprites: "gone\0" });
  said.push(await complaint(openDataset(file)));
  said.push(await complaint(openScenes(folder)), await complaint(openScenes(join(folder, "gone"))));
  expect(said.join("\n")).toMatchInlineSnapshot(`
    "InputError: FOLDER/recipes/val.scenes.json: expected a JSON document, found something else. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json: expected a JSON document, found something else. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json: expected a JSON document, found something else. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/val.scenes.json: expected a description of scenes, at most 64 KiB, found a longer file. Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }.
    InputError: FOLDER/recipes/gone\\u0000/sprites.json: expected the sprites of the art sets, found no such file. Make them with npx tsx scripts/make-sprites.ts.
    InputError: FOLDER: expected a file, found a folder. Check the path.
    InputError: FOLDER/gone: expected a file that can be read, found no such file. Check the path and its permissions."
  `);
});

test("opening is given up with the signal's reason", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  expect(await complaint(openDataset(file, { signal }))).toBe("Error: enough");
});
