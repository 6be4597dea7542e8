/**
 * How many scenes a second does one core draw at 96 pixels? With a caption, with all texts, and pairs with their statement. A caption made
 * alone is first checked to be that of the whole scene.
 *
 *   npx tsx scripts/make-sprites.ts && npm run bench:scenes [FOLDER OF SPRITES]
 */
import { loadSprites, readVocabulary, SceneSource } from "../src/data/scenes/index.js";
import { machine, printTable, Times } from "./measure.js";

const perRound = 500;
const rounds = 8;

const vocabulary = readVocabulary();
const source = new SceneSource(await loadSprites(process.argv[2] ?? ".sprites", vocabulary), vocabulary, {
  size: 96,
  split: "train",
  seed: 1,
});
const whole = source.scene(7);
if (source.caption(7) !== whole.captions[0] || Buffer.compare(source.image(7).data, whole.image.data) !== 0) {
  throw new Error("a part of a scene differs from the same part of the whole");
}

const cases: readonly (readonly [string, (index: number) => unknown])[] = [
  ["picture", (index) => source.image(index)],
  ["picture and a caption", (index) => [source.image(index), source.caption(index)]],
  ["picture and all texts", (index) => source.scene(index)],
  ["two pictures and a statement", (index) => source.pairScene(index)],
];
const rows: string[][] = [];
for (const [name, draw] of cases) {
  // The first rounds paint the drawn places, which are kept.
  for (let index = 0; index < 3 * perRound; index++) draw(index);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    for (let i = 0; i < perRound; i++) draw((round + 3) * perRound + i);
    times.push((performance.now() - started) / 1000);
  }
  const taken = new Times(times);
  const rate = (seconds: number) => `${(perRound / seconds).toFixed(0)}/s`;
  rows.push([name, rate(taken.median), rate(taken.sorted.at(-1)!), rate(taken.sorted[0]!)]);
}
console.log(`${machine()}; one thread, ${rounds} rounds of ${perRound}\n`);
printTable(["96 px, train", "median", "slowest", "fastest"], rows);
