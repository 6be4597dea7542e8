/**
 * Measures scenes per second at 96 pixels: with a caption, with all texts, pairs with their statement, and images as the data set reads
 * them. It first checks that a caption made alone equals that of the whole scene.
 *
 *   npm run emoji:sprites && npm run bench:scenes [FOLDER OF SPRITES]
 */
import { cpus } from "node:os";
import { ImageThreads } from "bridgetower/data";
import { loadSprites, readVocabulary, sceneDataset, SceneSource, spritesFolder } from "../src/index.js";

const perRound = 512;
const rounds = 8;

const vocabulary = readVocabulary();
const source = new SceneSource(await loadSprites(process.argv[2] ?? spritesFolder, vocabulary), vocabulary, {
  size: 96,
  split: "train",
  seed: 1,
});
const whole = source.scene(7);
if (source.caption(7) !== whole.captions[0] || Buffer.compare(source.image(7).data, whole.image.data) !== 0) {
  throw new Error("a part of a scene differs from the same part of the whole");
}

const dataset = sceneDataset(source, { rows: 2 ** 24 });
const threads = new ImageThreads({ threads: 1 });
const transform = { key: "clip", image_size: 96 } as const;

const cases: readonly (readonly [string, (index: number) => unknown])[] = [
  ["image", (index) => source.image(index)],
  ["image and a caption", (index) => [source.image(index), source.caption(index)]],
  ["image and all texts", (index) => source.scene(index)],
  ["two images and a statement", (index) => source.pairScene(index)],
  ["image as PNG", (index) => dataset.images(index)[0]!.read()],
  [
    "image as PNG, decoded in a thread",
    (index) => threads.process({ source: dataset.images(index)[0]!, transform, seed: 0, labels: [index] }),
  ],
];
console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}; ${rounds} rounds of ${perRound}, 96 px, train\n`);
for (const [name, make] of cases) {
  // The first rounds paint the places, which are cached.
  for (let index = 0; index < 3 * perRound; index++) await make(index);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    // As many at once as training reads.
    for (let i = 0; i < perRound; i += 16) {
      await Promise.all(Array.from({ length: 16 }, (_, j) => make((round + 3) * perRound + i + j)));
    }
    rates.push((1000 * perRound) / (performance.now() - started));
  }
  rates.sort((a, b) => a - b);
  const [slowest, median, fastest] = [0, rounds / 2, rounds - 1].map((at) => rates[at]!.toFixed(0));
  console.log(`${name}: ${median}/s (${slowest} to ${fastest})`);
}
await threads.dispose();
