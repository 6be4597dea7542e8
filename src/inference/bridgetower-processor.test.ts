/** Images and texts in the forms that callers have them, and how long a text may be. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { RawImage } from "../processing/index.js";
import { BridgeTower, BridgeTowerProcessor, defaultModel } from "./index.js";
import { decodeImage } from "../processing/index.js";
import { tinyCheckpoint, tinyConfig } from "./tiny-checkpoint.test-support.js";

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const model = await BridgeTower.fromPretrained();
const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
afterAll(() => model.dispose());

test("an image's path, its bytes and its pixels are the same image", async () => {
  const file = path("examples/images/004.png");
  const forms = [file, await readFile(file), await decodeImage(file)];
  const [byPath, byBytes, byPixels] = await model.embedImage(forms);
  expect([byBytes, byPixels]).toEqual([byPath, byPath]);
  const [one, two, three] = await model.match(forms, ["two phones and four pumpkins"]);
  expect([two!.logits, three!.logits]).toEqual([one!.logits, one!.logits]);
});

/** The image turned clockwise by a quarter. */
function turned({ width, height, data }: RawImage): RawImage {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < height; x++) {
      const from = ((height - 1 - x) * width + y) * 3;
      result.set(data.subarray(from, from + 3), (y * height + x) * 3);
    }
  }
  return { width: height, height: width, data: result };
}

test("images that a camera marked as turned are seen upright", async () => {
  const [upright, marked] = [1, 6].map((tag) => path(`fixtures/data/processing/images/orientation-${tag}.jpg`));
  const image = turned(await decodeImage(upright!));
  expect(await model.embedImage([marked!])).toEqual(await model.embedImage([image]));
  expect(await model.embedImage([marked!])).not.toEqual(await model.embedImage([upright!]));
});

test("images of different sizes go through the model together", async () => {
  const files = ["orientation-1.jpg", "orientation-6.jpg", "grey.jpg"];
  const images = files.map((file) => path(`fixtures/data/processing/images/${file}`));
  const together = await model.embedImage(images);
  for (const [i, image] of images.entries()) {
    const [alone] = await model.embedImage([image]);
    for (const [j, value] of alone!.entries()) expect(together[i]![j]).toBeCloseTo(value, 5);
  }
});

test("image settings of another size than the config's are found before the model runs", async () => {
  const folder = await tinyCheckpoint();
  const edge = { shortest_edge: 40 };
  await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify({ size: edge, crop_size: edge }));
  const tiny = await BridgeTower.fromPretrained(folder);
  await expect(tiny.embedImage([path("examples/images/000.png")])).rejects.toThrow(
    "pixel_values: expected images of 32 × 32 pixels (vision_config.image_size), found 40 × 40.",
  );
});

test("texts alone or images alone give their part of a batch", async () => {
  const image = path("examples/images/000.png");
  expect(Object.keys(await processor.process(image)).sort()).toEqual(["pixel_mask", "pixel_values"]);
  expect(Object.keys(await processor.process(undefined, "a fox")).sort()).toEqual(["attention_mask", "input_ids"]);
  const { pixel_values, input_ids } = await processor.process([image, image], ["a fox", "a moose"]);
  expect([pixel_values.shape, input_ids.shape[0]]).toEqual([[2, 3, 96, 96], 2]);
});

test("padding and truncation are wishes, as in transformers", async () => {
  const texts = ["a fox", "a fox left of a moose"];
  await expect(processor.process(undefined, texts)).rejects.toThrow(/Turn padding on/);
  const longest = await processor.process(undefined, texts, { padding: true });
  const full = await processor.process(undefined, texts, { padding: "max_length" });
  const short = await processor.process(undefined, texts, { padding: "max_length", maxLength: 12 });
  const length = processor.tokenizer.encode(texts[1]!).ids.length;
  expect([longest, full, short].map(({ input_ids }) => input_ids.shape)).toEqual([
    [2, length],
    [2, 64],
    [2, 12],
  ]);
  const long = "fox ".repeat(100);
  expect((await processor.process(undefined, long)).input_ids.shape[1]).toBeGreaterThan(64);
  expect((await processor.process(undefined, long, { truncation: true })).input_ids.shape).toEqual([1, 64]);
  expect((await processor.process(undefined, long, { truncation: true, maxLength: 9 })).input_ids.shape[1]).toBe(9);
});

test("decode gives the text back, with special tokens unless they are skipped", async () => {
  const { input_ids } = await processor.process(undefined, "a fox left of a <mask>");
  // The packaged tokenizer puts a space before the first word.
  expect(processor.decode(input_ids.data)).toBe("<s> a fox left of a<mask></s>");
  expect(processor.decode(input_ids.data, { skipSpecialTokens: true })).toBe(" a fox left of a");
});

test.each([
  ["the tokenizer's", 7, 20, 7],
  ["the position table's", 512, 20, 18],
  ["the position table's, where the tokenizer has none worth the name", 1e30, 12, 10],
])("a long text is cut at the smaller limit: %s", async (_, modelMaxLength, positions, limit) => {
  const config = tinyConfig({}, { max_position_embeddings: positions });
  const folder = await tinyCheckpoint({ config, modelMaxLength });
  expect((await BridgeTowerProcessor.fromPretrained(folder)).maxLength).toBe(limit);
  const tiny = await BridgeTower.fromPretrained(folder);
  // One token a letter, and two special ones.
  const [long, cut, shorter] = [40, limit - 2, limit - 3].map((letters) => "x".repeat(letters));
  const [a, b, c] = await tiny.embedText([long!, cut!, shorter!]);
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
});

test("the processor crops and normalises, even if the image settings do not", async () => {
  const [plain, other] = [await tinyCheckpoint(), await tinyCheckpoint()];
  const edge = { shortest_edge: 32 };
  const settings = { size: edge, crop_size: edge, size_divisor: 8, do_center_crop: false, do_normalize: false };
  await writeFile(join(other, "preprocessor_config.json"), JSON.stringify(settings));
  const [expected, found] = await Promise.all(
    [plain, other].map((folder) => BridgeTowerProcessor.fromPretrained(folder)),
  );
  const image = path("fixtures/data/processing/images/grey.jpg");
  expect(await found!.process(image)).toEqual(await expected!.process(image));
  // The image processor alone follows its settings.
  const { pixel_values } = await found!.imageProcessor.preprocess([image]);
  expect(pixel_values).not.toEqual((await found!.process(image)).pixel_values);
});

test("a folder without a tokenizer, or without image settings, is refused on loading", async () => {
  const folder = await tinyCheckpoint();
  await rm(join(folder, "vocab.json"));
  await rm(join(folder, "merges.txt"));
  await expect(BridgeTowerProcessor.fromPretrained(folder)).rejects.toThrow(
    "expected tokenizer.json, or vocab.json and merges.txt",
  );
  const other = await tinyCheckpoint();
  await rm(join(other, "preprocessor_config.json"));
  await expect(BridgeTowerProcessor.fromPretrained(other)).rejects.toThrow("expected preprocessor_config.json");
});
