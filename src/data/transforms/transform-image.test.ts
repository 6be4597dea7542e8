import { expect, test } from "vitest";
import { Random } from "../../random/index.js";
import { defaultImageSettings, ImageProcessor } from "../../processing/index.js";
import { digest, pattern } from "./transforms-golden.test-support.js";
import { opencvOps } from "./opencv-ops.js";
import { pillowOps } from "./pillow-ops.js";
import type { Step } from "./steps.js";
import { sampleSteps, type TransformKey, transformKeys, transformImage, transformSettings } from "./transform-image.js";

const size = { width: 640, height: 480 };

/** Whether the transform depends on the random stream. */
const isRandom = (key: TransformKey) => key.includes("randaug");

/** The steps of many images, each with its own stream. */
function draws(key: TransformKey, count: number): (readonly Step[])[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => sampleSteps(size, { key, image_size: 288 }, random.at(key, i)));
}

const operations = (all: readonly (readonly Step[])[]) =>
  all.flat().filter((step) => step.step === "pillow" || step.step === "opencv");

/** How often each value occurs, as a part of all. */
function shares(values: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1 / values.length;
  return counts;
}

test("the keys of the transforms, and the random ones among them", () => {
  expect(transformKeys.filter((key) => !isRandom(key))).toEqual(["clip", "imagenet", "vit", "blip"]);
  expect(transformKeys.filter(isRandom)).toEqual([
    "clip_randaug",
    "imagenet_randaug",
    "vit_randaug",
    "blip_randaug",
    "blip_randaug_pretrain",
    "blip_randaug_wc",
    "blip_randaug_wohf",
  ]);
});

test("the same seed gives the same steps, in this version and the next", () => {
  const drawn = (key: TransformKey, seed: number) =>
    sampleSteps(size, { key, image_size: 288 }, new Random(seed)).map((step) => JSON.stringify(step));
  expect(drawn("blip_randaug_wc", 1)).toMatchInlineSnapshot(`
    [
      "{"step":"crop","left":78,"top":82,"width":517,"height":395}",
      "{"step":"resize","width":288,"height":288}",
      "{"step":"pillow","op":"Sharpness","value":0.52}",
      "{"step":"pillow","op":"Equalize","value":0.23333333333333334}",
    ]
  `);
  expect(drawn("blip_randaug", 3)).toMatchInlineSnapshot(`
    [
      "{"step":"crop","left":95,"top":1,"width":475,"height":475}",
      "{"step":"resize","width":288,"height":288}",
      "{"step":"flip"}",
      "{"step":"opencv","op":"Rotate","value":15}",
    ]
  `);
  expect(drawn("clip_randaug", 2)).toMatchInlineSnapshot(`
    [
      "{"step":"pillow","op":"TranslateY","value":30}",
      "{"step":"pillow","op":"Sharpness","value":0.64}",
      "{"step":"resize","width":384,"height":288}",
      "{"step":"crop","left":48,"top":0,"width":288,"height":288}",
    ]
  `);
});

test.each(transformKeys)("%s: same stream, same bits; another stream changes only random transforms", async (key) => {
  const image = pattern(120, 90);
  const of = async (seed: number) => {
    const { data } = await transformImage(image, { key, image_size: 64 }, new Random(seed).at("image", 5));
    return digest(data);
  };
  expect(await of(1)).toBe(await of(1));
  expect(new Set(await Promise.all([1, 2, 3, 4].map(of))).size > 1).toBe(isRandom(key));
  expect(image).toEqual(pattern(120, 90));
});

test("RandAugment takes each of its operations alike, with the published strengths", () => {
  const wc = operations(draws("blip_randaug_wc", 7000));
  expect(wc).toHaveLength(14_000);
  const found = shares(wc.map(({ op }) => op));
  expect(Object.keys(found).sort()).toEqual(Object.keys(pillowOps).sort());
  // Four standard deviations of 14,000 draws of chance 1/14.
  for (const share of Object.values(found)) expect(Math.abs(share - 1 / 14)).toBeLessThan(0.0088);
  const strengths = (steps: typeof wc) =>
    Object.fromEntries(steps.map(({ op, value }) => [op, Math.round(Math.abs(value) * 1000) / 1000]));
  expect(strengths(wc)).toEqual({
    AutoContrast: 0.233,
    Equalize: 0.233,
    Rotate: 7,
    Posterize: 0.933,
    Solarize: 59.733,
    SolarizeAdd: 25.667,
    Color: 0.52,
    Contrast: 0.52,
    Brightness: 0.52,
    Sharpness: 0.52,
    ShearX: 0.07,
    ShearY: 0.07,
    TranslateX: 23.333,
    TranslateY: 23.333,
  });
  const stronger = strengths(operations(draws("clip_randaug", 300)));
  expect(stronger).toMatchObject({
    Rotate: 9,
    Solarize: 76.8,
    SolarizeAdd: 33,
    Color: 0.64,
    ShearX: 0.09,
    TranslateY: 30,
  });
  const signed = wc.filter(({ op }) => /^(Rotate|Shear|Translate)/.test(op));
  expect(signed.filter(({ value }) => value < 0).length / signed.length).toBeCloseTo(0.5, 1);
  expect(wc.filter((step) => !signed.includes(step)).every(({ value }) => value > 0)).toBe(true);
});

test("RandomAugment takes each of its operations alike and does every second one", () => {
  const all = draws("blip_randaug", 10_000);
  const done = operations(all);
  expect(done.length / 20_000).toBeCloseTo(0.5, 1);
  const found = shares(done.map(({ op }) => op));
  expect(Object.keys(found).sort()).toEqual(Object.keys(opencvOps).sort());
  // Four standard deviations of 10,000 draws of chance 1/10.
  for (const share of Object.values(found)) expect(Math.abs(share - 0.1)).toBeLessThan(0.012);
  const strengths = new Set(done.map(({ op, value }) => `${op} ${value}`));
  for (const op of ["Rotate 15", "Rotate -15", "ShearX 0.15", "ShearY -0.15", "TranslateX 5", "TranslateY -5"]) {
    expect(strengths).toContain(op);
  }
  expect(strengths).toContain("Brightness 1");
  // One value for each of five operations without a sign, two for the others.
  expect(strengths.size).toBe(15);
});

test.each([
  ["blip_randaug", 0.5, 0.5],
  ["blip_randaug_pretrain", 0.2, 0.5],
  ["blip_randaug_wohf", 0.5, 0],
] as const)("%s: parts of at least %d of the area, flips %d", (key, smallest, flips) => {
  const all = draws(key, 4000);
  const parts = all.map(([first]) => (first?.step === "crop" ? first : undefined)).filter((box) => box !== undefined);
  expect(parts).toHaveLength(4000);
  const areas = parts.map(({ width, height }) => (width * height) / (640 * 480));
  expect(Math.min(...areas)).toBeGreaterThan(smallest - 0.01);
  expect(Math.min(...areas)).toBeLessThan(smallest + 0.01);
  expect(Math.max(...areas)).toBeGreaterThan(0.97);
  const ratios = parts.map(({ width, height }) => width / height);
  expect(Math.min(...ratios)).toBeGreaterThan(0.745);
  expect(Math.max(...ratios)).toBeLessThan(1.34);
  const inside = parts.filter(({ left, top, width, height }) => left + width <= 640 && top + height <= 480);
  expect(inside.filter(({ left, top }) => left >= 0 && top >= 0)).toHaveLength(4000);
  const places = parts.filter(({ width }) => width < 640).map(({ left, width }) => left / (640 - width));
  expect(places.reduce((sum, place) => sum + place, 0) / places.length).toBeCloseTo(0.5, 1);
  expect(all.every((steps) => steps[1]?.step === "resize" && steps[1].width === 288 && steps[1].height === 288)).toBe(
    true,
  );
  expect(all.filter((steps) => steps.some(({ step }) => step === "flip")).length / 4000).toBeCloseTo(flips, 1);
});

test("a line of pixels, which would become gigabytes, is refused by its name", async () => {
  const line = { name: "line.png", width: 60_000, height: 1, data: new Uint8Array(180_000) };
  const clip = { key: "clip", image_size: 288 } as const;
  await expect(transformImage(line, clip, new Random(0))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: line.png: expected an image of at most 100000000 pixels when its shorter side is resized to 288, found 60000 x 1 pixels. Crop the image to a less extreme shape.]`,
  );
  const wide = await transformImage(line, { ...clip, key: "blip_randaug_wc" }, new Random(0));
  expect(wide.shape).toEqual([3, 288, 288]);
});

test("an unknown transform is refused with the nearest one", async () => {
  const key = "blip_randaug_wo" as TransformKey;
  await expect(transformImage(pattern(8, 8), { key, image_size: 8 }, new Random(0))).rejects.toThrow(
    'found "blip_randaug_wo". The nearest is blip_randaug_wc',
  );
});

test.each(transformKeys.filter((key) => !isRandom(key)))(
  "the image settings of %s give inference the same bits",
  async (key) => {
    const processor = new ImageProcessor({ ...defaultImageSettings, ...transformSettings({ key, image_size: 32 }) });
    for (const [width, height] of [
      [33, 32],
      [50, 41],
      [41, 51],
      // Beyond 1333 : 800, where transformers limits the longer side.
      [120, 30],
      [31, 95],
    ] as const) {
      const image = pattern(width, height);
      const { pixel_values } = await processor.preprocess([image]);
      const expected = await transformImage(image, { key, image_size: 32 }, new Random(0));
      expect(pixel_values.shape.slice(1), `${width} x ${height}`).toEqual(expected.shape);
      expect(
        Buffer.from(pixel_values.row(0).data.slice().buffer).equals(Buffer.from(expected.data.slice().buffer)),
      ).toBe(true);
    }
  },
);
