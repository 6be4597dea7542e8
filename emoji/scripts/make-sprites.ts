/**
 * Renders every drawing of every noun from the art sets into `.sprites/`, which git ignores. Scenes are composed of these sprites. Takes
 * one minute on one core and 217 MB.
 *
 *   npx tsx emoji/scripts/make-sprites.ts [FOLDER] [FOLDER WITH node_modules]
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { spritesFolder } from "../src/index.js";
import { spriteEdge, writeSprites, type SpriteEntry } from "../src/sprites/index.js";
import { readVocabulary } from "../src/vocabulary/vocabulary.js";
import { artSets, packagesIn } from "./sprites/art-sets.js";
import { renderSprite } from "./sprites/render.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = resolve(process.argv[2] ?? spritesFolder);
const sets = artSets(packagesIn(resolve(process.argv[3] ?? root)));
const codePoints = readVocabulary().nouns.flatMap(({ hex }) => hex);

sharp.concurrency(1);
sharp.cache(false);
const entries: SpriteEntry[] = [];
const images: Uint8Array[] = [];
for (const { set, source, art } of sets) {
  const before = entries.length;
  for (const codePoint of codePoints) {
    const found = art(codePoint);
    if (found === undefined) continue;
    images.push(await renderSprite(found, spriteEdge, `${set} ${codePoint}`));
    entries.push({ set, codePoint });
  }
  console.log(`${source}: ${entries.length - before}`);
}
await writeSprites(folder, { edge: spriteEdge, sources: sets.map(({ source }) => source), entries }, images);
console.log(`${entries.length} sprites in ${folder}`);
