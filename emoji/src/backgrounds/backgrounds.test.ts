import { expect, test } from "vitest";
import { Random } from "bridgetower/learner";
import {
  type Background,
  backgroundKey,
  backgroundPhrase,
  colorNames,
  colors,
  colorsAlike,
  drawBackground,
  otherBackground,
  placeNames,
} from "./background.js";
import { softNoise } from "./canvas.js";
import { BackgroundPainter } from "./paint-background.js";
import { paintPlace } from "./places.js";

const drawn = Array.from({ length: 2000 }, (_, i) => drawBackground(new Random(1, i)));
const mean = (data: Uint8Array, channel: number) => {
  let sum = 0;
  for (let i = channel; i < data.length; i += 3) sum += data[i]!;
  return sum / (data.length / 3);
};

test("types are sampled by their shares", () => {
  const share = (type: Background["type"]) => drawn.filter((one) => one.type === type).length / drawn.length;
  expect(Math.abs(share("color") - 0.4)).toBeLessThan(0.05);
  expect(Math.abs(share("two") - 0.12)).toBeLessThan(0.03);
  expect(Math.abs(share("pattern") - 0.14)).toBeLessThan(0.03);
  expect(Math.abs(share("place") - 0.34)).toBeLessThan(0.05);
});

test("a changed background has the same type, another name and another look", () => {
  drawn.forEach((background, i) => {
    const other = otherBackground(new Random(2, i), background);
    expect(other.type).toBe(background.type);
    for (const wording of [0, 0.55, 0.9]) {
      expect(backgroundPhrase(other, wording)).not.toBe(backgroundPhrase(background, wording));
    }
    if (other.type === "color" && background.type === "color") {
      expect(colorsAlike(other.color, background.color)).toBe(false);
    }
  });
});

test.each<[Background, number, string, string]>([
  [{ type: "color", color: "orange" }, 0, "on an orange background", "orange"],
  [{ type: "two", colors: ["red", "blue"] }, 0.2, "on a red and blue background", "red blue"],
  [{ type: "two", colors: ["red", "orange"] }, 0.7, "on an orange and red background", "red orange"],
  [{ type: "pattern", color: "blue", pattern: "striped" }, 0.2, "on a striped blue background", "blue striped"],
  [{ type: "pattern", color: "blue", pattern: "dotted" }, 0.9, "on a blue background with dots", "blue dotted"],
  [{ type: "place", place: "underwater" }, 0, "under water", "underwater"],
])("%j is put as its type is", (background, wording, phrase, key) => {
  expect([backgroundPhrase(background, wording), backgroundKey(background)]).toEqual([phrase, key]);
});

test("the mean of a plain background is closest to its own colour", () => {
  const painter = new BackgroundPainter(24, "test");
  const out = new Uint8Array(24 * 24 * 3);
  for (const color of colorNames) {
    for (let i = 0; i < 40; i++) {
      painter.paint({ type: "color", color }, new Random(3, color, i), out);
      const seen = [0, 1, 2].map((channel) => mean(out, channel));
      const distance = (name: keyof typeof colors) => Math.hypot(...colors[name].map((value, c) => value - seen[c]!));
      const nearest = [...colorNames].sort((a, b) => distance(a) - distance(b))[0]!;
      expect(colorsAlike(nearest, color), `${color} ${seen.join()}`).toBe(true);
    }
  }
});

test("every background covers the whole canvas", () => {
  const painter = new BackgroundPainter(32, "test");
  drawn.slice(0, 300).forEach((background, i) => {
    const [one, other] = [new Uint8Array(32 * 32 * 3), new Uint8Array(32 * 32 * 3).fill(255)];
    painter.paint(background, new Random(4, i), one);
    painter.paint(background, new Random(4, i), other);
    expect(Buffer.compare(one, other)).toBe(0);
  });
});

test.each(placeNames)("%s: different for each seed, alike at every size", (place) => {
  const [one, again, other] = [1, 1, 2].map((seed) => paintPlace(place, 48, new Random(seed)));
  expect(Buffer.compare(one!, again!)).toBe(0);
  expect(Buffer.compare(one!, other!)).not.toBe(0);
  const large = paintPlace(place, 144, new Random(1));
  for (const channel of [0, 1, 2]) expect(Math.abs(mean(large, channel) - mean(one!, channel))).toBeLessThan(6);
});

test("tests have other places than training", () => {
  const paint = (bank: "train" | "test") => {
    const painter = new BackgroundPainter(16, bank);
    return Array.from({ length: 100 }, (_, i) => {
      const out = new Uint8Array(16 * 16 * 3);
      painter.paint({ type: "place", place: "desert" }, new Random(5, i), out);
      return Buffer.from(out).toString("base64");
    });
  };
  const known = new Set(paint("train"));
  expect(paint("test").filter((image) => known.has(image))).toEqual([]);
  // Each of 48 places, also mirrored.
  expect(known.size).toBeGreaterThan(48);
});

test("soft noise is smooth and within its bounds", () => {
  const noise = softNoise(new Random(6), 64, 6);
  expect(Math.max(...noise)).toBeLessThanOrEqual(0.5);
  expect(Math.min(...noise)).toBeGreaterThanOrEqual(-0.5);
  expect(Math.max(...noise) - Math.min(...noise)).toBeGreaterThan(0.4);
  for (let i = 1; i < 64; i++) expect(Math.abs(noise[i]! - noise[i - 1]!)).toBeLessThan(0.2);
});
