/** Images of a data set: read ahead of the writer, and decoded once, so that what gets into a table can be learned from. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../errors.js";
import { decodeImage } from "../../processing/index.js";

/** The largest image file that is taken; photographs of these sets have some 100 kB. */
const maxBytes = 64 * 2 ** 20;
/** Rows whose images are read and decoded at the same time. */
const ahead = 8;

/** An image by its name, in the first of these folders that has it. */
export interface ImageFile {
  readonly name: string;
  readonly folders: readonly string[];
}

export interface ImageProblem {
  readonly image: string;
  readonly reason: string;
}

export type ReadImages = { readonly bytes: readonly Uint8Array[] } | { readonly problem: ImageProblem };

/** Items with the content of their images, in order; an image that is missing or broken is no error here. */
export async function* readAhead<T extends { readonly images: readonly ImageFile[] }>(
  items: Iterator<T> | AsyncIterator<T>,
  count: number,
): AsyncGenerator<readonly [T, ReadImages], void> {
  const waiting: { readonly item: T; readonly images: Promise<ReadImages> }[] = [];
  for (let i = 0; i < count || waiting.length > 0; i++) {
    const next = i < count ? await items.next() : undefined;
    if (next?.done === false) waiting.push({ item: next.value, images: readAll(next.value.images) });
    const full = waiting.length > ahead || next === undefined || next.done === true;
    const first = full ? waiting.shift() : undefined;
    if (first !== undefined) yield [first.item, await first.images];
  }
}

/** Never rejects: what is read ahead may not be waited for any more when another part of the work fails. */
async function readAll(images: readonly ImageFile[]): Promise<ReadImages> {
  const bytes: Uint8Array[] = [];
  for (const image of images) {
    const result = await readImage(image);
    if (typeof result === "string") return { problem: { image: image.name, reason: result } };
    bytes.push(result);
  }
  return { bytes };
}

/** The bytes of an image that can be decoded, or words for why there are none. */
async function readImage({ name, folders }: ImageFile): Promise<Uint8Array | string> {
  for (const folder of folders) {
    try {
      const path = join(folder, name);
      const stats = await stat(path);
      if (!stats.isFile()) return "no regular file";
      if (stats.size > maxBytes) return `${stats.size} bytes, more than ${maxBytes}`;
      const bytes = await readFile(path);
      await decodeImage(bytes, { name });
      return bytes;
    } catch (error) {
      if (error instanceof InputError) return error.found;
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      if (code !== "ENOENT") return `cannot be read (${code})`;
    }
  }
  return "not there";
}
