/** Images in files of their own, named by a table or by a file of data. */

import { fileError, isSystemFailure, statIfPresent, statRegular } from "../../files/index.js";
import { open, readdir } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

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
  const local = /^file:\/\//i.test(text) ? pathOfUrl(text) : undefined;
  if (local !== undefined) return tablePath(where, local);
  const other = notAPath(text);
  if (other !== undefined) throw refused(other.found, other.hint);
  if (process.platform !== "win32" && /^(?:[a-z]:[\\/]|\\\\)/i.test(text)) {
    throw refused(`the Windows path ${shown}`, "Write paths relative to the table");
  }
  const given = text.replace(captionNumber, "$1");
  return { given, path: posix.normalize(given.replaceAll("\\", "/")) };
}

/** The path of a `file:` URL of this machine; undefined for others. */
function pathOfUrl(text: string): string | undefined {
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}

/** What a text is that stands where the path of an image is expected; undefined if it may be a path. */
function notAPath(text: string): { readonly found: string; readonly hint: string } | undefined {
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    return { found: `the address ${shown}`, hint: "Download the images first and use the paths of the files" };
  }
  if (/^data:/i.test(text) || (text.length > 200 && /^[\w+/-]+={0,2}$/.test(text.replace(/\s+/g, "")))) {
    const found = `an image in base64 of ${text.length} characters`;
    return { found, hint: "Decode the images into files and name them, or write their bytes into a Parquet file" };
  }
  return undefined;
}

/** The image of a table in `folder`. @param folders the same for all images of the table */
export function tableImage(folder: string, { given, path }: TablePath, folders: FolderNames): ImageSource {
  const resolved = (name: string) => (isAbsolute(name) ? name : join(folder, name));
  // On Linux a name may have a backslash.
  const names = [path, given].map(resolved);
  return { name: names[0]!, read: async () => readImage(await firstThere(names, folders)) };
}

/** Folders whose names are kept. */
const maxFolders = 16;

/**
 * Finds files by names as other systems write them: macOS writes accents as separate characters, others as one with their letter, and
 * on Windows and macOS `IMG.JPG` and `img.jpg` are one file.
 */
export class FolderNames {
  /** Names by `folded`; undefined if several are alike. */
  readonly #folders = new Map<string, Promise<ReadonlyMap<string, string | undefined>>>();

  /** The path of the only file that is there under such a name. */
  async find(path: string): Promise<string | undefined> {
    if (await isPresent(path)) return path;
    const parent = dirname(path);
    const folder = parent === path ? undefined : await this.find(parent);
    if (folder === undefined) return undefined;
    const name = (await this.#namesIn(folder)).get(folded(basename(path)));
    return name === undefined ? undefined : join(folder, name);
  }

  #namesIn(folder: string): Promise<ReadonlyMap<string, string | undefined>> {
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    const names = foldedNames(folder);
    this.#folders.set(folder, names);
    names.catch(() => this.#folders.delete(folder));
    for (const first of this.#folders.keys()) {
      if (this.#folders.size <= maxFolders) break;
      this.#folders.delete(first);
    }
    return names;
  }
}

const folded = (name: string): string => name.normalize("NFC").toLowerCase();

async function foldedNames(folder: string): Promise<ReadonlyMap<string, string | undefined>> {
  const names = new Map<string, string | undefined>();
  const entries = await readdir(folder).catch((error: unknown) => {
    if (isSystemFailure(error)) throw fileError(folder, error, { expected: "a folder that can be read" });
    return [];
  });
  for (const name of entries) {
    const key = folded(name);
    names.set(key, names.has(key) ? undefined : name);
  }
  return names;
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
  const other = notAPath(path);
  throw new InputError({
    code: "missing-data",
    where,
    expected:
      isInside && other === undefined ? `an image, or its file at ${name}` : `an image, or a path below ${folder}`,
    found: `only the path ${JSON.stringify(path.slice(0, 200))}: the image is not in the file`,
    hint: "Write the bytes of the images into the file (in datasets: save it with embedded files), or put them beside it",
    ...other,
  });
}

const isPresent = async (name: string): Promise<boolean> => (await statIfPresent(name)) !== undefined;

/** The first of these files that is there, also under a name as other systems write it; the first of all if none is. */
async function firstThere(names: readonly string[], folders: FolderNames): Promise<string> {
  for (const name of new Set(names)) if (await isPresent(name)) return name;
  return (await folders.find(names[0]!)) ?? names[0]!;
}

/** @throws InputError if the file is missing, too large or cannot be read */
export async function readImage(name: string): Promise<Uint8Array> {
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
