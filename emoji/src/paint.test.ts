import { expect, test } from "vitest";
import { Random } from "bridgetower/learner";
import type { PlacedThing } from "./layout.js";
import { augment, boxOf, NoiseTable, pasteThing } from "./paint.js";
import { premultiply, spritesOf } from "./sprites/index.js";
import { vocabularyOf } from "./vocabulary/vocabulary.js";

const noun = { noun: "dog", plural: "dogs", cats: ["animal"], hex: ["1f436"], syn: [] };
const vocabulary = vocabularyOf({ nouns: [noun], confusable: [], keywords: {} });
const edge = 16;

/** One sprite whose straight RGBA pixels are given. */
function stage(rgba: (x: number, y: number) => readonly [number, number, number, number]) {
  const pixels = new Uint8Array(edge * edge * 4);
  for (let i = 0; i < edge * edge; i++) pixels.set(rgba(i % edge, Math.floor(i / edge)), 4 * i);
  return spritesOf([{ set: "noto", codePoint: "1f436" }], { edge, pixels: premultiply(pixels) }, vocabulary);
}

function paste(sprites: ReturnType<typeof stage>, thing: Partial<PlacedThing>, canvas = edge, under = 0): Uint8Array {
  const out = new Uint8Array(canvas * canvas * 3).fill(under);
  const placed = { sprite: sprites.sprites[0]!, x: 0.5, y: 0.5, size: 1, angle: 0, mirrored: false, ...thing };
  pasteThing(placed, sprites.levels, canvas, out);
  return out;
}

const gradient = stage((x, y) => [x * 16, y * 16, 100, 255]);
const pixel = (data: Uint8Array, x: number, y: number, canvas = edge) => [
  ...data.subarray((y * canvas + x) * 3, (y * canvas + x) * 3 + 3),
];

test("a sprite at its own size is copied unchanged", () => {
  const out = paste(gradient, {});
  for (let i = 0; i < edge * edge; i++) {
    const [x, y] = [i % edge, Math.floor(i / edge)];
    expect(pixel(out, x, y)).toEqual([x * 16, y * 16, 100]);
  }
});

test("mirroring swaps left and right; a quarter turn moves the right side up", () => {
  const mirrored = paste(gradient, { mirrored: true });
  expect(pixel(mirrored, 0, 3)).toEqual([15 * 16, 3 * 16, 100]);
  const turned = paste(gradient, { angle: 90 });
  // The upper right corner goes to the upper left.
  expect(pixel(turned, 0, 0)).toEqual([15 * 16, 0, 100]);
  expect(pixel(turned, 15, 0)).toEqual([15 * 16, 15 * 16, 100]);
});

test("a sprite at half its size is the mean of four pixels", () => {
  const out = paste(gradient, { size: 0.5 }, edge);
  expect(pixel(out, 4, 4)).toEqual([8, 8, 100]);
  expect(pixel(out, 5, 4)).toEqual([2 * 16 + 8, 8, 100]);
  expect(pixel(out, 3, 4)).toEqual([0, 0, 0]);
});

test("a half-transparent sprite is blended with the canvas", () => {
  const out = paste(
    stage(() => [200, 0, 0, 128]),
    {},
    edge,
    100,
  );
  expect(pixel(out, 8, 8)).toEqual([100 + 50, 50, 50]);
});

test.each([0, 7, -20, 13.3])("a white sprite on white has no fringe, turned by %d degrees", (angle) => {
  const disc = stage((x, y) => [255, 255, 255, Math.hypot(x - 7.5, y - 7.5) < 6 ? 255 : 0]);
  for (const size of [1, 0.8, 0.43, 0.31]) {
    expect(paste(disc, { angle, size }, 40, 255).every((value) => value >= 254)).toBe(true);
  }
});

test("nothing is painted outside of the box", () => {
  const sprites = stage(() => [255, 0, 0, 255]);
  for (const [x, y, size] of [
    [0.2, 0.9, 0.2],
    [0.5, 0.5, 0.97],
    [0.1, 0.1, 0.2],
  ] as const) {
    const thing = { sprite: sprites.sprites[0]!, x, y, size, angle: 18, mirrored: true };
    const { left, top, right, bottom } = boxOf(thing, 50);
    expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
    expect(Math.max(right, bottom)).toBeLessThanOrEqual(50);
    const out = paste(sprites, thing, 50);
    let painted = 0;
    for (let i = 0; i < 2500; i++) {
      const [px, py] = [i % 50, Math.floor(i / 50)];
      const inside = px >= left && px < right && py >= top && py < bottom;
      if (out[3 * i]! > 0) {
        painted++;
        expect(inside).toBe(true);
      }
    }
    expect(painted / (right - left) ** 2).toBeGreaterThan(0.7);
  }
});

test("about a third of the training images are augmented, and only slightly", () => {
  const noise = new NoiseTable(new Random(0, "noise"));
  const base = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => 60 + ((i * 7) % 130));
  let changed = 0;
  for (let i = 0; i < 1000; i++) {
    const out = base.slice();
    augment(new Random(i), noise, 32, out);
    if (out.some((value, k) => value !== base[k])) changed++;
    const difference = out.reduce((sum, value, k) => sum + Math.abs(value - base[k]!), 0) / base.length;
    expect(difference).toBeLessThan(60);
  }
  expect(Math.abs(changed / 1000 - 0.35)).toBeLessThan(0.06);
});
