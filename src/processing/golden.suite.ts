/** Shared by the tests of this folder: the golden files and the formula of their large images. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RawImage } from "./decode-image.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The folder that `fixtures/make_processing.py` writes. */
export const goldenFolder = join(root, "fixtures", "data", "processing");

/** The small trained model that comes with the package. */
export const packagedFolder = join(root, "models", "emoji");

/** A golden file, parsed: `T` is the shape that the script gives it. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(join(goldenFolder, name), "utf8")) as T;
}

/** The busy image of `pattern` in the script. */
export function pattern(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) data[i++] = x * 31 + y * 17 + c * 101 + ((x * y) % 251);
    }
  }
  return { width, height, data };
}
