import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { pattern, readGolden } from "./golden.suite.js";
import { resizeImage } from "./image-processor.js";
import { resampleFilters } from "./resample.js";

interface Resize {
  width: number;
  height: number;
  toWidth: number;
  toHeight: number;
  resample: 0 | 1 | 2 | 3 | 4 | 5;
  sha256: string;
  first: number[];
}

test.each(readGolden<Resize[]>("resize.json"))(
  "$width x $height to $toWidth x $toHeight with filter $resample equals Pillow",
  async ({ width, height, toWidth, toHeight, resample, sha256, first }) => {
    const resized = await resizeImage(pattern(width, height), toWidth, toHeight, resample);
    expect([resized.width, resized.height, ...resized.data.subarray(0, first.length)]).toEqual([
      toWidth,
      toHeight,
      ...first,
    ]);
    expect(createHash("sha256").update(resized.data).digest("hex")).toBe(sha256);
  },
);

test("the source image is not modified", async () => {
  const image = pattern(40, 30);
  await resizeImage(image, 20, 50, resampleFilters.bicubic);
  expect(image).toEqual(pattern(40, 30));
});
