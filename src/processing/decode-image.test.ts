import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { decodePicture, type DecodeOptions } from "./decode-image.js";
import { goldenFolder, readGolden } from "./golden.suite.js";

interface GoldenPicture {
  file: string;
  width: number;
  height: number;
  /** Levels of 255. */
  tolerance: number;
  rgb?: string;
  sha256?: string;
}

const pictures = join(goldenFolder, "images");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "decode-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each(readGolden<GoldenPicture[]>("images.json"))(
  "$file: as Pillow reads it, within $tolerance levels",
  async ({ file, width, height, tolerance, rgb, sha256 }) => {
    const path = join(pictures, file);
    const picture = await decodePicture(path);
    expect([picture.width, picture.height, picture.data.length]).toEqual([width, height, width * height * 3]);
    if (sha256 !== undefined) expect(createHash("sha256").update(picture.data).digest("hex")).toBe(sha256);
    if (rgb !== undefined) {
      const expected = Buffer.from(rgb, "base64");
      if (tolerance === 0) expect([...picture.data]).toEqual([...expected]);
      const differences = Array.from(picture.data, (value, i) => Math.abs(value - expected[i]!));
      expect(Math.max(...differences)).toBeLessThanOrEqual(tolerance);
    }
    expect({ ...(await decodePicture(await readFile(path))), name: path }).toEqual(picture);
  },
);

test("AVIF is read", async () => {
  const { width, height, data } = await decodePicture(join(pictures, "flat.avif"));
  expect([width, height]).toEqual([23, 17]);
  for (const [i, value] of data.entries()) expect(Math.abs(value - [200, 80, 40][i % 3]!)).toBeLessThan(4);
});

async function problem(source: string | Uint8Array, options?: DecodeOptions): Promise<string> {
  const error: unknown = await decodePicture(source, options).catch((cause: unknown) => cause);
  if (!(error instanceof InputError)) throw new Error("expected an InputError", { cause: error });
  return error.message.replaceAll(folder, "…").replaceAll(pictures, "pictures");
}

test("errors name the file and what is wrong with it", async () => {
  const whole = await readFile(join(pictures, "rgb.png"));
  await writeFile(join(folder, "empty.png"), "");
  await writeFile(join(folder, "text.png"), "I am no picture\n");
  await writeFile(join(folder, "cut.png"), whole.subarray(0, 700));
  await writeFile(join(folder, "cut.jpg"), (await readFile(join(pictures, "444.jpg"))).subarray(0, 700));
  await writeFile(join(folder, "cut.webp"), (await readFile(join(pictures, "lossless.webp"))).subarray(0, 700));
  await writeFile(join(folder, "cut.gif"), (await readFile(join(pictures, "one-frame.gif"))).subarray(0, 900));
  await writeFile(join(folder, "head.png"), whole.subarray(0, 20));
  const found = [
    ...["missing.png", "empty.png", "text.png", "cut.png", "cut.jpg", "cut.webp", "cut.gif", "head.png"].map((name) =>
      join(folder, name),
    ),
    folder,
    join(folder, "empty.png", "below"),
    "zero\0byte.png",
    ...["bomb.png", "drawing.svg", "float.tif"].map((name) => join(pictures, name)),
  ].map((path) => problem(path));
  expect((await Promise.all(found)).join("\n")).toMatchInlineSnapshot(`
    "…/missing.png: expected a picture file, found nothing there. Check the path and its permissions.
    …/empty.png: expected a picture, found an empty file (0 bytes). Give another file.
    …/text.png: expected a PNG, JPEG, WebP, GIF, TIFF or AVIF picture, found a file that is no picture of these kinds. Convert it to PNG or JPEG first.
    …/cut.png: expected a complete PNG picture, found damaged or truncated data. Fetch or save the file again.
    …/cut.jpg: expected a complete JPEG picture, found damaged or truncated data. Fetch or save the file again.
    …/cut.webp: expected a complete WebP picture, found damaged or truncated data. Fetch or save the file again.
    …/cut.gif: expected a complete GIF picture, found damaged or truncated data. Fetch or save the file again.
    …/head.png: expected a complete PNG picture, found damaged or truncated data. Fetch or save the file again.
    …: expected a picture file, found a folder. Name a file.
    …/empty.png/below: expected a picture file, found nothing there. Check the path and its permissions.
    zero\\u0000byte.png: expected a picture file, found a path with a zero byte. Check the path and its permissions.
    pictures/bomb.png: expected at most 100000000 pixels, found 50000 x 50000. Shrink the picture.
    pictures/drawing.svg: expected a PNG, JPEG, WebP, GIF, TIFF or AVIF picture, found an SVG or XML text. Convert it to PNG or JPEG first.
    pictures/float.tif: expected 8 or 16 bits a channel, found samples of type float. Convert it to 8 bits first."
  `);
});

test("a row of pixels longer than any format but PNG and TIFF allows is refused before it is decoded", async () => {
  const { default: sharp } = await import("sharp");
  const row = await sharp({ create: { width: 65_536, height: 1, channels: 3, background: "red" } })
    .png()
    .toBuffer();
  expect(await problem(row)).toBe(
    "picture: expected sides of at most 65535 pixels, found 65536 x 1. Crop or shrink the picture.",
  );
});

test("bytes are called what the caller calls them, and the limit on pixels is the caller's", async () => {
  const bytes = await readFile(join(pictures, "l16.png"));
  expect(await problem(new Uint8Array(), { name: "upload 3" })).toContain("upload 3: ");
  expect(await problem(bytes, { maxPixels: 23 * 17 })).toMatchInlineSnapshot(
    `"picture: expected at most 391 pixels, found 23 x 17 at 16 bits, which count twice. Shrink the picture."`,
  );
  expect((await decodePicture(bytes, { maxPixels: 23 * 17 * 2 })).width).toBe(23);
});

test.skipIf(process.getuid?.() === 0)("a file without permission to read is named", async () => {
  const path = join(folder, "secret.png");
  await writeFile(path, "x");
  await chmod(path, 0);
  expect(await problem(path)).toContain("permission");
});

test("any damage to a picture ends in a picture or an InputError", async () => {
  const files = ["rgba.png", "420.jpg", "lossless.webp", "transparent.gif", "rgb-lzw.tif", "flat.avif"];
  for (const file of files) {
    const whole = await readFile(join(pictures, file));
    for (let step = 1; step < 12; step++) {
      const broken = Uint8Array.from(whole);
      broken[Math.floor((whole.length * step) / 12)]! ^= 0xff;
      const result: unknown = await decodePicture(broken).catch((cause: unknown) => cause);
      if (result instanceof Error) expect(result).toBeInstanceOf(InputError);
    }
  }
});
