import { readdir } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage } from "./decode-image.js";
import { looksLikePhotograph } from "./looks-like-photograph.js";
import type { RawImage } from "./decode-image.js";

const photographs = ["chelsea.jpg", "coffee.jpg"].map((name) => join(import.meta.dirname, "fixtures", name));
const art = join(import.meta.dirname, "../../examples/images");

const isPhotograph = async (image: Sharp) => looksLikePhotograph(await decodeImage(await image.toBuffer()));

describe("photographs", () => {
  test.each<[string, (photograph: Sharp) => Sharp]>([
    ["as they are", (photograph) => photograph],
    ["small", (photograph) => photograph.resize(96)],
    ["smaller than what is looked at", (photograph) => photograph.resize(24)],
    ["enlarged", (photograph) => photograph.resize(640).png()],
    ["grey", (photograph) => photograph.grayscale()],
    ["dark", (photograph) => photograph.linear(0.4, 0)],
    ["blurred", (photograph) => photograph.blur(2)],
    ["of low quality", (photograph) => photograph.jpeg({ quality: 40 })],
    ["turned", (photograph) => photograph.rotate(90)],
  ])("%s", async (_, change) => {
    const found = await Promise.all(photographs.map((path) => isPhotograph(change(sharp(path)))));
    expect(found).toEqual([true, true]);
  });
});

describe("drawn scenes", async () => {
  const names = (await readdir(art)).filter((name) => name.endsWith(".png"));
  test.each<[string, (scene: Sharp) => Sharp]>([
    ["as they are", (scene) => scene],
    ["as JPEG", (scene) => scene.flatten({ background: "white" }).jpeg({ quality: 75 })],
    ["enlarged", (scene) => scene.resize(300).png()],
    ["reduced", (scene) => scene.resize(48).png()],
  ])("%s", async (_, change) => {
    const found = await Promise.all(names.map((name) => isPhotograph(change(sharp(join(art, name))))));
    expect(found).toEqual(names.map(() => false));
  });
});

test("a drawing: hard edges between plain areas; a screenshot: the same, however grey and fine", async () => {
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200" fill="#39f"/>
    <circle cx="90" cy="100" r="60" fill="#fd2"/><path d="M300 200 180 200 240 60Z" fill="#2a4"/></svg>`;
  const lines = Array.from(
    { length: 40 },
    (_, i) => `<text x="8" y="${12 * i + 12}" font-size="10">${"the quick brown fox ".repeat(4)}</text>`,
  );
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="480"><rect width="480" height="480" fill="#eee"/>${lines.join("")}</svg>`;
  expect(await isPhotograph(sharp(Buffer.from(drawing)).png())).toBe(false);
  expect(await isPhotograph(sharp(Buffer.from(drawing)).jpeg({ quality: 80 }))).toBe(false);
  expect(await isPhotograph(sharp(Buffer.from(text)).png())).toBe(false);
});

/** Waves of many lengths in each channel: soft everywhere, hardly two neighbours alike, no strong colour. */
function soft(width: number, height: number): RawImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const waves = [3, 7, 13, 29].map(
      (n) => Math.sin((n * x) / width + n + 0.2 * c) * Math.cos((n * y) / height + 2 * n),
    );
    return 120 + 40 * waves.reduce((sum, wave) => sum + wave, 0);
  });
  return { width, height, data };
}

test("soft changes everywhere are a photograph; too few pixels, or one plain colour, are none", async () => {
  expect(await looksLikePhotograph(soft(200, 150))).toBe(true);
  expect(await looksLikePhotograph(soft(1, 1))).toBe(false);
  expect(await looksLikePhotograph(soft(7, 200))).toBe(false);
  expect(await looksLikePhotograph(soft(2000, 10))).toBe(false);
  expect(await looksLikePhotograph({ width: 100, height: 100, data: new Uint8Array(30_000).fill(90) })).toBe(false);
});
