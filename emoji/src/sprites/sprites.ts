/** Drawings as premultiplied RGBA squares, also at half and a quarter of their edge for small copies. */
import { type Drawing, heldOutDrawings } from "../held-out.js";
import { isTrainingSet } from "../splits.js";
import type { Vocabulary } from "../vocabulary/vocabulary.js";

/** Pixels of a sprite's edge as `make-sprites` renders it. */
export const spriteEdge = 96;

export interface SpriteEntry {
  readonly set: string;
  readonly codePoint: string;
}

/** Sprites at one size: [count, edge, edge, 4], premultiplied. */
export interface SpriteLevel {
  readonly edge: number;
  readonly pixels: Uint8Array;
}

export interface Sprite extends Drawing {
  /** Its index in every level. */
  readonly image: number;
  /** Whether it is a held-out drawing of a training set. */
  readonly held: boolean;
}

export interface Sprites {
  readonly sprites: readonly Sprite[];
  /** The largest first. */
  readonly levels: readonly SpriteLevel[];
}

/**
 * @param entries the drawing of each image; drawings of no noun of the vocabulary are omitted
 * @param level all images at their largest
 * @param imageOf the image of an entry; several may share one
 */
export function spritesOf(
  entries: readonly SpriteEntry[],
  level: SpriteLevel,
  vocabulary: Vocabulary,
  imageOf: (entry: number) => number = (entry) => entry,
): Sprites {
  const drawings = entries.flatMap(({ set, codePoint }, i) => {
    const noun = vocabulary.byCodePoint.get(codePoint);
    return noun === undefined ? [] : [{ set, codePoint, noun, image: imageOf(i) }];
  });
  const held = heldOutDrawings(drawings.filter(({ set }) => isTrainingSet(set)));
  const half = halved(level);
  return {
    sprites: drawings.map((drawing) => ({ ...drawing, held: held.has(drawing) })),
    levels: [level, half, halved(half)],
  };
}

/** Each pixel is the mean of four. */
function halved({ edge: from, pixels }: SpriteLevel): SpriteLevel {
  const edge = from / 2;
  const count = pixels.length / (from * from * 4);
  const out = new Uint8Array(count * edge * edge * 4);
  const row = from * 4;
  for (let y = 0, to = 0; y < count * edge; y++) {
    for (let x = 0, source = y * 2 * row; x < edge; x++, source += 8) {
      for (let c = source; c < source + 4; c++) {
        out[to++] = (pixels[c]! + pixels[c + 4]! + pixels[c + row]! + pixels[c + row + 4]! + 2) >> 2;
      }
    }
  }
  return { edge, pixels: out };
}

/** Multiplies colours by opacity, in place. Resampling and compositing need this to avoid dark fringes. */
export function premultiply(rgba: Uint8Array): Uint8Array {
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3]!;
    for (let c = i; c < i + 3; c++) rgba[c] = Math.round((rgba[c]! * alpha) / 255);
  }
  return rgba;
}
