import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, onTestFinished, test, vi } from "vitest";
import { decodeImage } from "./decode-image.js";
import { packagedFolder, pattern, readGolden } from "./golden.suite.js";
import { ImageProcessor } from "./image-processor.js";
import { imageSettings } from "./image-settings.js";
import { looksLikePhotograph } from "./looks-like-photograph.js";
import type { JsonObject } from "../files/index.js";

interface PixelValues {
  name: string;
  settings: JsonObject;
  sizes: [number, number][];
  shape: number[];
  sha256: string;
  mask: string;
  samples: [number, number][];
}

function processor(settings: JsonObject = {}): ImageProcessor {
  return new ImageProcessor(imageSettings(settings, "test.json"));
}

function sha256(data: ArrayBufferView): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

test.each(readGolden<PixelValues[]>("pixel-values.json"))("$name: equals transformers bit for bit", async (golden) => {
  const images = golden.sizes.map(([width, height]) => pattern(width, height));
  const { pixel_values, pixel_mask } = await processor(golden.settings).preprocess(images);
  expect(pixel_values.shape).toEqual(golden.shape);
  for (const [index, value] of golden.samples) expect(pixel_values.data[index]).toBe(value);
  expect(sha256(pixel_values.data)).toBe(golden.sha256);
  expect(pixel_mask.shape).toEqual([golden.shape[0], golden.shape[2], golden.shape[3]]);
  expect(sha256(pixel_mask.data)).toBe(golden.mask);
});

test("a size of 294 without crop_size crops to 294", async () => {
  const { pixel_values } = await processor({ size: 294 }).preprocess([pattern(300, 300)]);
  expect(pixel_values.shape).toEqual([1, 3, 294, 294]);
});

test("a processor with other settings leaves the first one unchanged", async () => {
  const cropping = processor({ size: 64 });
  const whole = cropping.withSettings({ do_center_crop: false });
  expect((await whole.preprocess([pattern(96, 64)])).pixel_values.shape).toEqual([1, 3, 64, 96]);
  expect((await cropping.preprocess([pattern(96, 64)])).pixel_values.shape).toEqual([1, 3, 64, 64]);
});

test("an image too narrow to keep a pixel is named", async () => {
  await expect(processor().preprocess([pattern(30, 30), pattern(900, 20)])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: images[1]: expected an image whose shorter side keeps 32 pixels when the longer is cut to 479, found 900 x 20 pixels. Crop the image to a less extreme shape.]`,
  );
});

test("images of different sizes without padding are refused, equal ones are not", async () => {
  const images = processor({ do_center_crop: false, do_pad: false, size: 64 });
  await expect(images.preprocess([pattern(64, 64), pattern(64, 99)])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: images[0]: expected 64 x 96 pixels as the largest of the batch has (do_pad is off), found 64 x 64 pixels after resizing. Turn do_pad or do_center_crop on, or process images one by one.]`,
  );
  const { pixel_values, pixel_mask } = await images.preprocess([pattern(64, 70), pattern(64, 71)]);
  expect(pixel_values.shape).toEqual([2, 3, 64, 64]);
  expect(pixel_mask.data.every((value) => value === 1n)).toBe(true);
});

test("no image, and data that does not fit its size, are refused", async () => {
  await expect(processor().preprocess([])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: images: expected at least one image, found none.]`,
  );
  const named = { name: "line.png", width: 900, height: 1, data: new Uint8Array(2700) };
  await expect(processor().preprocess([named])).rejects.toThrow("line.png: expected an image whose shorter side");
  const broken = { width: 4, height: 4, data: new Uint8Array(47) };
  await expect(processor().preprocess([broken])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: images[0]: expected width × height × 3 bytes (RGB), found 47 bytes for 4 x 4 pixels.]`,
  );
});

/** An image file that records when it is read. */
class RecordedFile extends Blob {
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    private readonly onRead: () => void,
  ) {
    super([bytes]);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    this.onRead();
    return super.arrayBuffer();
  }
}

test("only a few images are decoded at a time, also by several calls together", async () => {
  const bytes = new Uint8Array(await readFile(join(packagedFolder, "../../examples/images/000.png")));
  let opened = 0;
  const images = Array.from({ length: 12 }, () => new RecordedFile(bytes, () => opened++));
  const waiting: (() => void)[] = [];
  const onDecoded = () => new Promise<void>((resolve) => waiting.push(resolve));
  const shared = processor({ size: 64 });
  const both = Promise.all([shared.preprocess(images, { onDecoded }), shared.preprocess(images, { onDecoded })]);
  for (let decoded = 0; decoded < 24; decoded++) {
    while (waiting.length < Math.min(4, 24 - decoded)) await new Promise(setImmediate);
    expect(opened).toBe(Math.min(24, decoded + 4));
    waiting.shift()!();
  }
  for (const { pixel_values } of await both) expect(pixel_values.shape).toEqual([12, 3, 64, 64]);
});

test("images of each kind are decoded, resized and normalised in pieces, between which the event loop may run", async () => {
  const [width, height] = [700, 600];
  const grey = sharp({ create: { width, height, channels: 3, background: "grey" } });
  // Each piece begins with a look at the clock.
  const clock = vi.spyOn(performance, "now");
  onTestFinished(() => clock.mockRestore());
  const piecesOf = async (compute: () => Promise<unknown>) => {
    clock.mockClear();
    await compute();
    return clock.mock.calls.length;
  };
  const files = {
    alpha: await grey.clone().ensureAlpha(0.5).png().toBuffer(),
    rgb16: await grey.clone().toColourspace("rgb16").png().toBuffer(),
    cmyk: await grey.clone().toColourspace("cmyk").jpeg().toBuffer(),
  };
  for (const [name, file] of Object.entries(files)) {
    expect(await piecesOf(() => decodeImage(file)), name).toBeGreaterThanOrEqual(6);
  }
  const image = pattern(width, height);
  expect(await piecesOf(() => processor().preprocess([image]))).toBeGreaterThanOrEqual(20);
  expect(await piecesOf(() => looksLikePhotograph(image))).toBeGreaterThanOrEqual(600);
});

test("no further image is decoded after one that is broken", async () => {
  let opened = 0;
  const images = Array.from({ length: 24 }, () => new RecordedFile(Uint8Array.of(1, 2, 3), () => opened++));
  await expect(processor().preprocess(images)).rejects.toThrow("expected a PNG");
  expect(opened).toBe(4);
});
