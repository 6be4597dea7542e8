/** Pictures of a data set: read ahead of the writer, and decoded once, so that what gets into a table can be learned from. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../errors.js";
import { decodePicture } from "../../processing/index.js";

/** The largest picture file that is taken; photographs of these sets have some 100 kB. */
const maxBytes = 64 * 2 ** 20;
/** Rows whose pictures are read and decoded at the same time. */
const ahead = 8;

/** A picture by its name, in the first of these folders that has it. */
export interface PictureFile {
  readonly name: string;
  readonly folders: readonly string[];
}

export interface PictureProblem {
  readonly picture: string;
  readonly reason: string;
}

export type ReadPictures = { readonly bytes: readonly Uint8Array[] } | { readonly problem: PictureProblem };

/** Items with the content of their pictures, in order; a picture that is missing or broken is no error here. */
export async function* readAhead<T extends { readonly pictures: readonly PictureFile[] }>(
  items: Iterator<T> | AsyncIterator<T>,
  count: number,
): AsyncGenerator<readonly [T, ReadPictures], void> {
  const waiting: { readonly item: T; readonly pictures: Promise<ReadPictures> }[] = [];
  for (let i = 0; i < count || waiting.length > 0; i++) {
    const next = i < count ? await items.next() : undefined;
    if (next?.done === false) waiting.push({ item: next.value, pictures: readAll(next.value.pictures) });
    const full = waiting.length > ahead || next === undefined || next.done === true;
    const first = full ? waiting.shift() : undefined;
    if (first !== undefined) yield [first.item, await first.pictures];
  }
}

/** Never rejects: what is read ahead may not be waited for any more when another part of the work fails. */
async function readAll(pictures: readonly PictureFile[]): Promise<ReadPictures> {
  const bytes: Uint8Array[] = [];
  for (const picture of pictures) {
    const result = await readPicture(picture);
    if (typeof result === "string") return { problem: { picture: picture.name, reason: result } };
    bytes.push(result);
  }
  return { bytes };
}

/** The bytes of a picture that can be decoded, or words for why there are none. */
async function readPicture({ name, folders }: PictureFile): Promise<Uint8Array | string> {
  for (const folder of folders) {
    try {
      const path = join(folder, name);
      const stats = await stat(path);
      if (!stats.isFile()) return "no regular file";
      if (stats.size > maxBytes) return `${stats.size} bytes, more than ${maxBytes}`;
      const bytes = await readFile(path);
      await decodePicture(bytes, { name });
      return bytes;
    } catch (error) {
      if (error instanceof InputError) return error.found;
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      if (code !== "ENOENT") return `cannot be read (${code})`;
    }
  }
  return "not there";
}
