import { expect, test } from "vitest";
import { decodePicture } from "../../processing/index.js";
import { PictureThreads } from "../pictures/index.js";
import { sceneDataset, SceneSource } from "./index.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const vocabulary = readVocabulary();
const source = new SceneSource(syntheticSprites(vocabulary), vocabulary, { size: 48, split: "val", seed: 2 });
const kinds = ["captions", "questions", "hypotheses", "statements", "negatives"] as const;

test.each(["scenes", "pairs"] as const)("%s: each row has the texts that it says it has", (kind) => {
  const dataset = sceneDataset(source, { rows: 60, kind });
  for (let row = 0; row < dataset.rows; row++) {
    const texts = dataset.texts(row);
    for (const name of kinds) expect(texts[name].length).toBe(dataset.counts[name][row]);
    expect(dataset.pictures(row).length).toBe(kind === "scenes" ? 1 : 2);
  }
});

test("a file of a picture decodes to its pixels", async () => {
  const dataset = sceneDataset(source, { rows: 5, kind: "pairs", first: 100 });
  const [left, right] = dataset.pictures(3);
  for (const [picture, side] of [[left!, 0] as const, [right!, 1] as const]) {
    const decoded = await decodePicture(await picture.read());
    expect(Buffer.compare(decoded.data, source.pairPicture(103, side).data)).toBe(0);
    expect(Buffer.compare(picture.pixels!().data, decoded.data)).toBe(0);
  }
  expect(left!.name).toMatchInlineSnapshot(`"pairs of val, seed 2, 48 px: left of pair 103"`);
});

test("threads make the same of pixels as of files", async () => {
  const [picture] = sceneDataset(source, { rows: 1 }).pictures(0);
  const threads = new PictureThreads({ threads: 1 });
  try {
    const job = { transform: { key: "blip_randaug_wc", image_size: 32 }, seed: 5, labels: ["epoch", 1] } as const;
    const quick = await threads.process({ ...job, source: picture! });
    expect(await threads.process({ ...job, source: { name: "file", read: picture!.read } })).toEqual(quick);
  } finally {
    await threads.dispose();
  }
});

test("rows begin where they are told to and end", () => {
  const dataset = sceneDataset(source, { rows: 3, first: 7 });
  expect(dataset.texts(1).captions).toEqual(source.texts(8).captions);
  expect(() => dataset.texts(3)).toThrow("row 3 of 3");
  expect(() => dataset.pictures(-1)).toThrow("row -1 of 3");
});
