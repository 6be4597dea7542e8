import { expect, test } from "vitest";
import { svgOf } from "./art-sets.js";
import { renderSprite } from "./render.js";

const edge = 32;
const alphaAt = (data: Uint8Array, x: number, y: number) => data[(y * edge + x) * 4 + 3]!;

test("a drawing is cropped to its visible part, fitted and centred", async () => {
  // Twice as high as wide, in a corner.
  const svg = svgOf(
    { icons: {}, width: 64, height: 64 },
    { body: '<rect x="40" y="2" width="20" height="40" fill="#f00"/>' },
  );
  const sprite = await renderSprite({ svg }, edge, "a bar");
  expect([...sprite.subarray((16 * edge + 16) * 4, (16 * edge + 16) * 4 + 4)]).toEqual([255, 0, 0, 255]);
  expect([alphaAt(sprite, 16, 0), alphaAt(sprite, 16, 31)].every((alpha) => alpha > 200)).toBe(true);
  expect([alphaAt(sprite, 4, 16), alphaAt(sprite, 27, 16)]).toEqual([0, 0]);
  expect([alphaAt(sprite, 10, 16), alphaAt(sprite, 21, 16)]).toEqual([255, 255]);
});

test("colours are weighted by their opacity", async () => {
  const svg = svgOf(
    { icons: {} },
    { width: 64, height: 64, body: '<circle cx="32" cy="32" r="30" fill="#fff" opacity="0.5"/>' },
  );
  const sprite = await renderSprite({ svg }, edge, "a veil");
  for (let i = 0; i < sprite.length; i += 4) expect(sprite[i]).toBe(sprite[i + 3]);
  expect(Math.abs(alphaAt(sprite, 16, 16) - 128)).toBeLessThanOrEqual(1);
});

test("an empty drawing is refused by its name", async () => {
  const svg = svgOf({ icons: {}, width: 64, height: 64 }, { body: '<rect width="2" height="2"/>' });
  await expect(renderSprite({ svg }, edge, "noto 1f435")).rejects.toThrow("noto 1f435: hardly anything is drawn");
});
