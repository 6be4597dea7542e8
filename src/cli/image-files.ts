import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";

const extension = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i;

/**
 * Image files named on the command line. A folder stands for the images in it: by extension, sorted by name, without
 * its subfolders. Whether a file exists and is an image shows when it is read.
 * @throws InputError when a folder holds no image or cannot be read
 */
export async function imageFiles(paths: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    paths.map(async (path) => {
      const folder = await stat(path).then(
        (stats) => stats.isDirectory(),
        () => false,
      );
      return folder ? imagesIn(path) : [path];
    }),
  );
  return lists.flat();
}

/** What to do about photographs, of which there is at least one, where the packaged model answered. */
export function photographHint([first, ...others]: readonly string[]): string {
  const look = others.length === 0 ? "looks like a photograph" : `and ${others.length} more look like photographs`;
  return (
    `${first} ${look}, and the packaged model knows emoji art and drawn scenes only; ` +
    "for photographs name a published checkpoint, as in --model BridgeTower/bridgetower-large-itm-mlm-itc"
  );
}

async function imagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const expected = "a folder that can be read";
    throw new InputError(
      { code: "file-unreadable", where: folder, expected, found: "one that this user may not read" },
      { cause },
    );
  });
  const names = entries.filter((entry) => !entry.isDirectory() && extension.test(entry.name)).map(({ name }) => name);
  if (names.length > 0) return names.sort().map((name) => join(folder, name));
  throw new InputError({
    code: "missing-data",
    where: folder,
    expected: "a folder with images (png, jpg, jpeg, webp, gif, tif, tiff, avif)",
    found: "none in it",
    hint: "Name another folder, or the files themselves: subfolders are not searched",
  });
}
