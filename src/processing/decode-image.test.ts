import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { decodeImage, type DecodeOptions, type RawImage } from "./decode-image.js";
import { goldenFolder, readGolden } from "./golden.suite.js";

interface GoldenImage {
  file: string;
  width: number;
  height: number;
  /** Levels of 255. */
  tolerance: number;
  rgb?: string;
  sha256?: string;
}

const images = join(goldenFolder, "images");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "decode-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each(readGolden<GoldenImage[]>("images.json"))(
  "$file: as Pillow reads it, within $tolerance levels",
  async ({ file, width, height, tolerance, rgb, sha256 }) => {
    const path = join(images, file);
    const image = await decodeImage(path);
    expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
    if (sha256 !== undefined) expect(createHash("sha256").update(image.data).digest("hex")).toBe(sha256);
    if (rgb !== undefined) {
      const expected = Buffer.from(rgb, "base64");
      if (tolerance === 0) expect([...image.data]).toEqual([...expected]);
      const differences = Array.from(image.data, (value, i) => Math.abs(value - expected[i]!));
      expect(Math.max(...differences)).toBeLessThanOrEqual(tolerance);
    }
    expect({ ...(await decodeImage(await readFile(path))), name: path }).toEqual(image);
  },
);

test("AVIF is read", async () => {
  const { width, height, data } = await decodeImage(join(images, "flat.avif"));
  expect([width, height]).toEqual([23, 17]);
  for (const [i, value] of data.entries()) expect(Math.abs(value - [200, 80, 40][i % 3]!)).toBeLessThan(4);
});

async function problem(source: string | Uint8Array, options?: DecodeOptions): Promise<string> {
  const error: unknown = await decodeImage(source, options).catch((cause: unknown) => cause);
  if (!(error instanceof InputError)) throw new Error("expected an InputError", { cause: error });
  return error.message.replaceAll(folder, "…").replaceAll(images, "images");
}

test("errors name the file and what is wrong with it", async () => {
  const whole = await readFile(join(images, "rgb.png"));
  await writeFile(join(folder, "empty.png"), "");
  await writeFile(join(folder, "text.png"), "I am no image\n");
  await writeFile(join(folder, "cut.png"), whole.subarray(0, 700));
  await writeFile(join(folder, "cut.jpg"), (await readFile(join(images, "444.jpg"))).subarray(0, 700));
  await writeFile(join(folder, "cut.webp"), (await readFile(join(images, "lossless.webp"))).subarray(0, 700));
  await writeFile(join(folder, "cut.gif"), (await readFile(join(images, "one-frame.gif"))).subarray(0, 900));
  await writeFile(join(folder, "head.png"), whole.subarray(0, 20));
  const found = [
    ...["missing.png", "empty.png", "text.png", "cut.png", "cut.jpg", "cut.webp", "cut.gif", "head.png"].map((name) =>
      join(folder, name),
    ),
    folder,
    join(folder, "empty.png", "below"),
    "zero\0byte.png",
    ...["bomb.png", "drawing.svg", "float.tif"].map((name) => join(images, name)),
  ].map((path) => problem(path));
  expect((await Promise.all(found)).join("\n")).toMatchInlineSnapshot(`
    "…/missing.png: expected an image file, found no such file. Check the path and its permissions.
    …/empty.png: expected an image, found an empty file (0 bytes). Use another file.
    …/text.png: expected a PNG, JPEG, WebP, GIF, TIFF or AVIF image, found a file in another format. Convert it to PNG or JPEG first.
    …/cut.png: expected a complete PNG image, found damaged or truncated data. Fetch or save the file again.
    …/cut.jpg: expected a complete JPEG image, found damaged or truncated data. Fetch or save the file again.
    …/cut.webp: expected a complete WebP image, found damaged or truncated data. Fetch or save the file again.
    …/cut.gif: expected a complete GIF image, found damaged or truncated data. Fetch or save the file again.
    …/head.png: expected a complete PNG image, found damaged or truncated data. Fetch or save the file again.
    …: expected an image file, found a folder. Check the path.
    …/empty.png/below: expected an image file, found a path that leads through a file. Check the path and its permissions.
    zero\\u0000byte.png: expected an image file, found a path with a zero byte. Check the path and its permissions.
    images/bomb.png: expected at most 100000000 pixels, found 50000 x 50000. Shrink the image.
    images/drawing.svg: expected a PNG, JPEG, WebP, GIF, TIFF or AVIF image, found an SVG or XML text. Convert it to PNG or JPEG first.
    images/float.tif: expected 8 or 16 bits per channel, found samples of type float. Convert it to 8 bits first."
  `);
});

test("a row of pixels longer than any format but PNG and TIFF allows is refused before it is decoded", async () => {
  const { default: sharp } = await import("sharp");
  const row = await sharp({ create: { width: 65_536, height: 1, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  expect(await problem(row)).toBe(
    "image: expected sides of at most 65535 pixels, found 65536 x 1. Crop or shrink the image.",
  );
});

test("names of bytes and the limit of pixels can be set by the caller", async () => {
  const bytes = await readFile(join(images, "l16.png"));
  expect(await problem(new Uint8Array(), { name: "upload 3" })).toContain("upload 3: ");
  expect(await problem(bytes, { maxPixels: 23 * 17 })).toMatchInlineSnapshot(
    `"image: expected at most 391 pixels, found 23 x 17 at 16 bits, which count twice. Shrink the image."`,
  );
  expect((await decodeImage(bytes, { maxPixels: 23 * 17 * 2 })).width).toBe(23);
});

test.skipIf(process.getuid?.() === 0)("a file without permission to read is named", async () => {
  const path = join(folder, "secret.png");
  await writeFile(path, "x");
  await chmod(path, 0);
  expect(await problem(path)).toContain("a file that this user may not open");
});

test("a PNG with its orientation after the pixels is upright, as one with it before them", async () => {
  const plain = await readFile(join(images, "rgb.png"));
  // A chunk eXIf: big-endian TIFF with one entry, tag 0x0112 (orientation), SHORT, 1 value, 5 (mirrored and rotated).
  const exif = Buffer.from("0000001a655849664d4d002a00000008000101120003000000010005000000000000e78f51f4", "hex");
  const [headEnd, tail] = [33, plain.length - 12];
  const at = (place: number) => decodeImage(Buffer.concat([plain.subarray(0, place), exif, plain.subarray(place)]));
  const [unrotated, before, after] = [await decodeImage(plain), await at(headEnd), await at(tail)];
  expect([after.width, after.height]).toEqual([unrotated.height, unrotated.width]);
  expect(after).toEqual(before);
  // Orientation 5 swaps rows and columns.
  const pixel = ({ width, data }: RawImage, x: number, y: number) => [
    ...data.subarray((y * width + x) * 3).subarray(0, 3),
  ];
  expect(pixel(after, 2, 5)).toEqual(pixel(unrotated, 5, 2));
});
