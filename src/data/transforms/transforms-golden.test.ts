/** Every operation and whole rows of them against Pillow, torchvision and OpenCV, bit for bit. */
import { expect, test } from "vitest";
import { Random } from "../../random/index.js";
import { digest, goldenImage, readGolden } from "./transforms-golden.test-support.js";
import { opencvOps } from "./opencv-ops.js";
import { pillowOps } from "./pillow-ops.js";
import { sampleCrop } from "./stages.js";
import { applySteps, type Step } from "./steps.js";
import { sampleSteps, transformImage } from "./transform-image.js";

const golden = readGolden();

test.each(golden.alone)("$family $op on $picture", async ({ picture, values, sha256, bytes, ...op }) => {
  const source = goldenImage(golden, picture);
  const results = await Promise.all(
    values.map((value) => {
      const step = { step: op.family, op: op.op, value } as Step;
      return applySteps(source, [step]);
    }),
  );
  results.forEach((result) => expect([result.width, result.height]).toEqual([source.width, source.height]));
  if (bytes !== undefined) {
    expect(results.map(({ data }) => Array.from(data))).toEqual(bytes.map((b) => [...Buffer.from(b, "base64")]));
  }
  expect(results.map(({ data }) => digest(data))).toEqual(sha256);
  expect(source).toEqual(goldenImage(golden, picture));
});

test("every operation is among them", () => {
  const of = (family: string) => new Set(golden.alone.filter((one) => one.family === family).map(({ op }) => op));
  expect(of("pillow")).toEqual(new Set(Object.keys(pillowOps)));
  expect(of("opencv")).toEqual(new Set(Object.keys(opencvOps)));
});

test.each(golden.steps)("$picture: $steps.0, …", async ({ picture, steps, width, height, sha256 }) => {
  const result = await applySteps(goldenImage(golden, picture), steps);
  expect([result.width, result.height, digest(result.data)]).toEqual([width, height, sha256]);
});

test.each(golden.transformed)("$key of $picture at $image_size", async ({ picture, shape, sha256, ...transform }) => {
  const values = await transformImage(goldenImage(golden, picture), transform, new Random(0));
  expect(values.shape).toEqual(shape);
  expect(digest(values.data)).toBe(sha256);
});

test.each(golden.squares)(
  "$width x $height to a square of $image_size",
  ({ width, height, image_size, resized, box }) => {
    expect(sampleSteps({ width, height }, { key: "clip", image_size }, new Random(0))).toEqual([
      { step: "resize", ...resized },
      { step: "crop", ...box },
    ]);
  },
);

test.each(golden.crops)(
  "a part of $width x $height, at least $smallest",
  ({ width, height, smallest, uniform, box }) => {
    const script = [...uniform];
    const next = () => script.shift()!;
    const source = { uniform: next, below: (n: number) => Math.floor(next() * n) };
    expect(sampleCrop(width, height, smallest, source)).toEqual(box);
    expect(script).toEqual([]);
  },
);
