/** SHA-256 of scenes and their texts: a change of the code must not change a pixel or a letter. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { sceneDataset, SceneSource, type SceneOptions, type SceneRows } from "./index.js";
import { syntheticSprites } from "./synthetic.test-support.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

const recorded = JSON.parse(readFileSync(new URL("./scene-checksums.json", import.meta.url), "utf8")) as Readonly<
  Record<string, unknown>
>;
const vocabulary = readVocabulary();
const sprites = syntheticSprites(vocabulary);
const rows = 24;

async function checksums(options: SceneOptions, kind: SceneRows, first: number): Promise<Record<string, string>> {
  const dataset = sceneDataset(new SceneSource(sprites, vocabulary, options), { rows, kind, first });
  const kinds = ["captions", "negatives", "questions", "hypotheses", "statements"] as const;
  const images = createHash("sha256");
  const texts = Object.fromEntries(kinds.map((one) => [one, createHash("sha256")]));
  for (let row = 0; row < rows; row++) {
    for (const image of dataset.images(row)) {
      const { data, info } = await sharp(await image.read())
        .raw()
        .toBuffer({ resolveWithObject: true });
      images.update(`${info.width} ${info.height} `).update(data);
    }
    const found = dataset.texts(row);
    for (const one of kinds) texts[one]!.update(JSON.stringify(found[one]));
  }
  return Object.fromEntries(
    Object.entries({ images, ...texts }).map(([name, hash]) => [name, hash.digest("hex").slice(0, 32)]),
  );
}

test.each<[string, SceneOptions, SceneRows, number]>([
  ["train", { split: "train", seed: 1, size: 48 }, "scenes", 0],
  [
    "train, single things",
    { split: "train", seed: 7, size: 32, arrangements: ["single"], captions: "things" },
    "scenes",
    900,
  ],
  ["train, relations", { split: "train", seed: 17, size: 32, arrangements: ["pair", "size", "three"] }, "scenes", 0],
  ["pairs of train", { split: "train", seed: 3, size: 32 }, "pairs", 5],
  ["val", { split: "val", seed: 2026, size: 96 }, "scenes", 0],
  ["pairs of val", { split: "val", seed: 2026, size: 32 }, "pairs", 0],
  ["combo", { split: "combo", seed: 2026, size: 32 }, "scenes", 0],
  ["drawing", { split: "drawing", seed: 2026, size: 32 }, "scenes", 0],
  ["style", { split: "style", seed: 2026, size: 32 }, "scenes", 0],
  ["pairs of style-openmoji", { split: "style-openmoji", seed: 2026, size: 32 }, "pairs", 0],
  ["synonym", { split: "synonym", seed: 2 ** 40, size: 32 }, "scenes", 2 ** 33],
])("%s", async (name, options, kind, first) => {
  expect(await checksums(options, kind, first)).toEqual(recorded[name]);
});
