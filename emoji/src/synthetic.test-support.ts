/** Sprites without art files: every emoji of the vocabulary in every set, each noun as one of eight plain shapes. */
import { type Sprites, spritesOf } from "./sprites/index.js";
import type { Vocabulary } from "./vocabulary/vocabulary.js";

export const syntheticSets = [
  "noto",
  "noto-v1",
  "twemoji",
  "fluent-emoji-flat",
  "fluent-3d",
  "fxemoji",
  "emojione",
  "openmoji",
  "emojione-v1",
];

const edge = 32;
const images = 8;

export function syntheticSprites(vocabulary: Vocabulary): Sprites {
  const codePoints = vocabulary.nouns.flatMap(({ hex }) => hex);
  const entries = syntheticSets.flatMap((set) => codePoints.map((codePoint) => ({ set, codePoint })));
  return spritesOf(entries, { edge, pixels: shapes() }, vocabulary, (entry) => entry % images);
}

/** Discs of eight hues with a bright core, visible on every background. */
function shapes(): Uint8Array {
  const pixels = new Uint8Array(images * edge * edge * 4);
  for (let image = 0, to = 0; image < images; image++) {
    for (let y = 0; y < edge; y++) {
      for (let x = 0; x < edge; x++, to += 4) {
        const distance = Math.hypot(x - (edge - 1) / 2, y - (edge - 1) / 2);
        if (distance > edge / 2) continue;
        const channel = (bit: number) => (distance < edge / 4 ? 255 : 60 + 90 * ((image >> bit) & 1));
        pixels.set([channel(0), channel(1), channel(2), 255], to);
      }
    }
  }
  return pixels;
}
