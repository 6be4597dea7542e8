/** Images in files of their own, named by a table or by a file of data. */

import { fileError, statRegular } from "../../files/index.js";
import { open, stat } from "node:fs/promises";
import { isAbsolute, join, posix } from "node:path";

import { InputError } from "../../errors.js";
import { imageEndings } from "../../processing/index.js";
import type { ImageSource } from "../dataset.js";

import { maxImageBytes } from "./reader.js";

/** The number of a caption after the name of its image, as in Flickr's token files: `100.jpg#0`. */
const captionNumber = new RegExp(`(\\.(?:${imageEndings.join("|")}))#\\d+$`, "i");

/** The path of an image in a table. */
export interface TablePath {
  /** As the table has it. */
  readonly given: string;
  /** Normalized, with `/` between its parts: equal paths name the same image. */
  readonly path: string;
}

/**
 * The path of an image in a table, relative to the table or absolute. Tables are the user's own, so that their paths may lead anywhere.
 * @param where the table and the row, for errors
 * @throws InputError for an empty path, an address, or a path with a drive on a system that has none
 */
export function tablePath(where: string, text: string): TablePath {
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  const refused = (found: string, hint: string) =>
    new InputError({ code: "invalid-dataset", where, expected: "the path of an image", found, hint });
  if (text === "" || text.includes("\0")) throw refused(shown, "Correct the row");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    throw refused(`the address ${shown}`, "Fetch the images first and name the files");
  }
  if (process.platform !== "win32" && /^(?:[a-z]:[\\/]|\\\\)/i.test(text)) {
    throw refused(`the Windows path ${shown}`, "Write paths relative to the table");
  }
  const given = text.replace(captionNumber, "$1");
  return { given, path: posix.normalize(given.replaceAll("\\", "/")) };
}

/** The image of a table in `folder`. */
export function tableImage(folder: string, { given, path }: TablePath): ImageSource {
  const resolved = (name: string) => (isAbsolute(name) ? name : join(folder, name));
  // macOS writes accents as separate characters, other systems as one with their letter. On Linux a name may have a backslash.
  const names = [path, given, path.normalize("NFC"), path.normalize("NFD")].map(resolved);
  return { name: names[0]!, read: async () => readImage(await firstThere(names)) };
}

/**
 * The image that a file of data names instead of having its bytes: beside the file, or below its folder. Such files come from
 * others, so that their paths must not lead elsewhere.
 * @param where file, row and column, for errors
 * @throws InputError if there is no such file, or the path is absolute or has `..`
 */
export async function readNamedImage(folder: string, path: string, where: string): Promise<Uint8Array> {
  const slashed = path.replaceAll("\\", "/");
  const isInside = !/^(?:\/|[a-z][a-z0-9+.-]*:)/i.test(slashed) && !slashed.split("/").includes("..");
  const name = join(folder, slashed);
  const isThere = isInside && slashed !== "" && !slashed.includes("\0") && (await isPresent(name));
  if (isThere) return readImage(name);
  throw new InputError({
    code: "missing-data",
    where,
    expected: isInside ? `an image, or its file at ${name}` : "an image",
    found: `only the path ${JSON.stringify(path.slice(0, 200))}: the image is not in the file`,
    hint: "Write the bytes of the images into the file (in datasets: save it with embedded files), or put them beside it",
  });
}

const isPresent = (name: string): Promise<boolean> =>
  stat(name).then(
    () => true,
    () => false,
  );

/** The first of these files that is there; the first of all if none is. */
async function firstThere(names: readonly string[]): Promise<string> {
  for (const name of new Set(names)) if (await isPresent(name)) return name;
  return names[0]!;
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
