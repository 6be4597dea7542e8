/** Paints layouts, and augments training images. */
import type { Random } from "bridgetower/learner";
import { between, chance } from "./draws.js";
import type { PlacedThing } from "./layout.js";
import type { SpriteLevel } from "./sprites/index.js";

/** In pixels; `right` and `bottom` are exclusive. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The square of a thing on a canvas of `edge` pixels. */
export function boxOf({ x, y, size }: PlacedThing, edge: number): Box {
  const length = Math.max(1, Math.min(edge, Math.floor(size * edge)));
  const start = (centre: number) => Math.min(edge - length, Math.max(0, Math.round(centre * edge - length / 2)));
  const [left, top] = [start(x), start(y)];
  return { left, top, right: left + length, bottom: top + length };
}

/** Positions in a sprite are in units of 1/65536 pixel while they are stepped, and of 1/16 while four pixels are weighed. */
const fixed = 65_536;

/**
 * Draws a thing onto the canvas: out = thing + out · (1 - opacity), the thing sampled bilinearly from its premultiplied sprite, rotated and
 * mirrored about its centre.
 * @param out RGB [edge, edge, 3]
 */
export function pasteThing(thing: PlacedThing, levels: readonly SpriteLevel[], edge: number, out: Uint8Array): void {
  const { left, top, right } = boxOf(thing, edge);
  const size = right - left;
  // The smallest level that is at least as large as the copy: four pixels then cover the step to the next sample.
  const level = levels.findLast((candidate) => candidate.edge >= size) ?? levels[0]!;
  const { edge: from, pixels } = level;
  const start = thing.sprite.image * from * from * 4;
  const scale = from / size;
  const radians = (thing.angle * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(radians) * scale, Math.sin(radians) * scale];
  const flip = thing.mirrored ? -1 : 1;
  // Sprite coordinates of a step to the right and of a step down.
  const [ux, uy] = [Math.round(flip * cosine * fixed), Math.round(sine * fixed)];
  const [vx, vy] = [Math.round(-flip * sine * fixed), Math.round(cosine * fixed)];
  const middle = Math.round((from / 2 - 0.5) * fixed);
  const centre = (size - 1) / 2;
  const last = from - 1;
  const row = from * 4;
  for (let y = 0; y < size; y++) {
    let sx = middle + Math.round(-centre * ux + (y - centre) * vx);
    let sy = middle + Math.round(-centre * uy + (y - centre) * vy);
    let to = ((top + y) * edge + left) * 3;
    for (let x = 0; x < size; x++, to += 3, sx += ux, sy += uy) {
      const x0 = sx >> 16;
      const y0 = sy >> 16;
      if (x0 < -1 || y0 < -1 || x0 > last || y0 > last) continue;
      // Half a pixel beyond its edge, a sprite repeats its last pixel.
      const i00 = start + (y0 < 0 ? 0 : y0) * row + (x0 < 0 ? 0 : x0) * 4;
      const right4 = x0 < 0 || x0 === last ? 0 : 4;
      const down = y0 < 0 || y0 === last ? 0 : row;
      const fx = (sx >> 12) & 15;
      const fy = (sy >> 12) & 15;
      const w11 = fx * fy;
      const w10 = fx * 16 - w11;
      const w01 = fy * 16 - w11;
      const w00 = 256 - w11 - w10 - w01;
      const i10 = i00 + right4;
      const i01 = i00 + down;
      const i11 = i01 + right4;
      const alpha =
        (pixels[i00 + 3]! * w00 + pixels[i10 + 3]! * w10 + pixels[i01 + 3]! * w01 + pixels[i11 + 3]! * w11 + 128) >> 8;
      if (alpha === 0) continue;
      const rest = 255 - alpha;
      for (let c = 0; c < 3; c++) {
        const color =
          (pixels[i00 + c]! * w00 + pixels[i10 + c]! * w10 + pixels[i01 + c]! * w01 + pixels[i11 + c]! * w11 + 128) >>
          8;
        const under = out[to + c]! * rest + 128;
        // (n + (n >> 8)) >> 8 is n / 255, rounded.
        const value = color + ((under + (under >> 8)) >> 8);
        out[to + c] = value > 255 ? 255 : value;
      }
    }
  }
}

/** Normal values for pixel noise. Sampling 27,648 of them would take as long as the scene. */
export class NoiseTable {
  private readonly values = new Float32Array(1 << 16);

  constructor(random: Random) {
    random.fillNormal(this.values, 1);
  }

  /** 65,536 values, stored twice in a row. */
  at(i: number): number {
    return this.values[i & 0xffff]!;
  }
}

/** Brightness and contrast, a soft blur or noise of 35% of all images, in place. @param out RGB [edge, edge, 3] */
export function augment(random: Random, noise: NoiseTable, edge: number, out: Uint8Array): void {
  if (!chance(random, 0.35)) return;
  const relit = chance(random, 0.6);
  const strength = random.uniform();
  const contrast = relit ? 0.75 + 0.5 * strength : 1;
  const light = relit ? between(random, -20, 20) + 128 * (1 - contrast) : 0;
  const texture = random.uniform();
  if (texture < 0.4) blur(edge, out);
  const grain = texture > 0.5 ? 14 * strength : 0;
  const offset = random.below(1 << 16);
  for (let i = 0; i < out.length; i++) {
    const value = out[i]! * contrast + light + (grain === 0 ? 0 : grain * noise.at(offset + i));
    out[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
}

/** The mean of each pixel and its left, upper and upper left neighbours. The first row and column are unchanged. */
function blur(edge: number, out: Uint8Array): void {
  const row = edge * 3;
  // From the end, so that neighbours are still unchanged.
  for (let y = edge - 1; y >= 0; y--) {
    const up = y === 0 ? 0 : row;
    for (let x = edge - 1; x >= 0; x--) {
      const back = x === 0 ? 0 : 3;
      for (let c = 0; c < 3; c++) {
        const i = y * row + x * 3 + c;
        out[i] = (out[i]! + out[i - back]! + out[i - up]! + out[i - up - back]! + 2) >> 2;
      }
    }
  }
}
