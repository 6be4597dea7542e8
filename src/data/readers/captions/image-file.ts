/** Images named by a table. Only files in the folder of the table are read. */

import { fileError, statRegular } from "../../../files/index.js";
import { open } from "node:fs/promises";
import { join, posix } from "node:path";

import { InputError } from "../../../errors.js";
import type { ImageSource } from "../../dataset.js";

import { maxImageBytes } from "../reader.js";

/**
 * The normalized path. Symbolic links inside the folder are followed when the image is read: they are the user's own, and download
 * caches consist of them.
 * @throws InputError for an absolute path, a path with `..`, or a URL
 */
export function pathInside(where: string, path: string): string {
  const refused = (found: string, hint: string) =>
    new InputError({
      code: "invalid-dataset",
      where,
      expected: "the path of an image inside the table's folder",
      found,
      hint,
    });
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
  if (path === "" || path.includes("\0")) throw refused(shown, "Correct the row");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path))
    throw refused(`the address ${shown}`, "Fetch the images first and name the files");
  if (/^([\\/]|[a-z]:[\\/])/i.test(path))
    throw refused(`the absolute path ${shown}`, "Write paths relative to the table");
  if (path.split(/[\\/]/).includes("..")) throw refused(shown, "Move the table to a folder above its images");
  return posix.normalize(path);
}

/** The image at `path`, a result of `pathInside`. */
export function imageFile(folder: string, path: string): ImageSource {
  const name = join(folder, path);
  return { name, read: () => readImage(name) };
}

async function readImage(name: string): Promise<Uint8Array> {
  const { size } = await statRegular(name);
  if (size > maxImageBytes) {
    const expected = `an image of at most ${maxImageBytes} bytes`;
    throw new InputError({
      code: "image-too-large",
      where: name,
      expected,
      found: `${size} bytes`,
      hint: "Make it smaller or leave it out",
    });
  }
  try {
    const handle = await open(name, "r");
    try {
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(name, error);
  }
}
