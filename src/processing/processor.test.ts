import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packagedFolder, pattern } from "./golden.suite.js";
import { ImageProcessor } from "./image-processor.js";
import { imageSettings } from "./image-settings.js";
import { Processor } from "./processor.js";
import { Tokenizer } from "./tokenizer.js";

test("gives exactly the inputs that were asked for", async () => {
  const processor = await Processor.fromFolder(packagedFolder);
  const texts = ["a cat", "two red cats"];
  const images = [pattern(120, 100)];
  const both = processor.process({ images, texts, padding: "longest" });
  expect(Object.keys(both).sort()).toEqual(["attention_mask", "input_ids", "pixel_mask", "pixel_values"]);
  expect(both.pixel_values?.shape).toEqual([1, 3, 96, 96]);
  expect(both.input_ids?.shape).toEqual(both.attention_mask?.shape);
  expect(Object.keys(processor.process({ images })).sort()).toEqual(["pixel_mask", "pixel_values"]);
  expect(Object.keys(processor.process({ texts, maxLength: 3 })).sort()).toEqual(["attention_mask", "input_ids"]);
});

test("crops and normalises even where the settings do not", async () => {
  const settings = imageSettings({ size: 64, do_center_crop: false, do_normalize: false }, "test.json");
  const tokenizer = await Tokenizer.fromFolder(packagedFolder);
  const { pixel_values } = new Processor(new ImageProcessor(settings), tokenizer).process({
    images: [pattern(96, 64)],
  });
  const plain = new ImageProcessor(imageSettings({ size: 64 }, "test.json")).preprocess([pattern(96, 64)]);
  expect(pixel_values).toEqual(plain.pixel_values);
});

test("a folder without a tokenizer, or without image settings, is refused on loading", async () => {
  const folder = await mkdtemp(join(tmpdir(), "processor-"));
  try {
    await copyFile(join(packagedFolder, "preprocessor_config.json"), join(folder, "preprocessor_config.json"));
    await expect(Processor.fromFolder(folder)).rejects.toThrow("expected tokenizer.json, or vocab.json and merges.txt");
    await rm(join(folder, "preprocessor_config.json"));
    await copyFile(join(packagedFolder, "tokenizer.json"), join(folder, "tokenizer.json"));
    await expect(Processor.fromFolder(folder)).rejects.toThrow("expected preprocessor_config.json");
  } finally {
    await rm(folder, { recursive: true });
  }
});
