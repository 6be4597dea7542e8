import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { imageFiles } from "./command-inputs.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-inputs-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

async function found(...names: readonly string[]): Promise<{ images: string[]; warnings: string[] }> {
  for (const name of names) await writeFile(join(folder, name), "");
  const warnings: string[] = [];
  const images = await imageFiles([folder], (message) => warnings.push(message.replace(`${folder}: `, "")));
  return { images: images.map((path) => basename(path)), warnings };
}

test("images of a folder by every ending of the formats that are decoded; files of other systems are passed over", async () => {
  await mkdir(join(folder, "sub.png"));
  const images = ["a.jpg", "b.JPEG", "c.jpe", "d.jfif", "e.png", "f.webp", "g.gif", "h.tif", "i.tiff", "j.avif"];
  const others = ["._a.png", ".DS_Store", "Thumbs.db", "captions.txt", "png"];
  expect(await found(...images, ...others)).toEqual({ images, warnings: [] });
});

test("images that cannot be decoded are named", async () => {
  expect(await found("a.png", "b.bmp", "c.HEIC")).toEqual({
    images: ["a.png"],
    warnings: ["left out b.bmp, c.HEIC, which cannot be decoded: convert them to PNG or JPEG"],
  });
});

test("a folder with no other images names them", async () => {
  await expect(found("b.bmp")).rejects.toThrow("found only b.bmp. Convert them to PNG or JPEG first.");
});

test("of many images that cannot be decoded, the first are named", async () => {
  const names = Array.from({ length: 7 }, (_, i) => `${i}.bmp`);
  const { warnings } = await found("a.png", ...names);
  expect(warnings[0]).toContain("left out 0.bmp, 1.bmp, 2.bmp, 3.bmp, 4.bmp and 2 more, which");
});
