/** Images of a data set, prefetched for the writer. Each is decoded once, so that tables hold only valid images. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../errors.js";
import { decodeImage } from "../../processing/index.js";

/** Photos of these data sets have about 100 kB. */
const maxImageBytes = 64 * 2 ** 20;
/** Rows whose images are read and decoded at the same time. */
const prefetch = 8;

/** An image by its name, in the first of the folders that has it. */
export interface ImageFile {
  readonly name: string;
  readonly folders: readonly string[];
}

/** Why an image was left out. */
export interface ImageProblem {
  readonly image: string;
  readonly reason: string;
}

export type ReadImages = { readonly bytes: readonly Uint8Array[] } | { readonly problem: ImageProblem };

/** Items with the bytes of their images, in order. A missing or broken image is reported in the result. */
export async function* prefetchImages<T extends { readonly images: readonly ImageFile[] }>(
  items: Iterator<T> | AsyncIterator<T>,
  count: number,
): AsyncGenerator<readonly [T, ReadImages], void> {
  const waiting: { readonly item: T; readonly images: Promise<ReadImages> }[] = [];
  for (let i = 0; i < count || waiting.length > 0; i++) {
    const next = i < count ? await items.next() : undefined;
    if (next?.done === false) waiting.push({ item: next.value, images: readAll(next.value.images) });
    const full = waiting.length > prefetch || next === undefined || next.done === true;
    const first = full ? waiting.shift() : undefined;
    if (first !== undefined) yield [first.item, await first.images];
  }
}

/** Never rejects: prefetched images are not awaited after another failure. */
async function readAll(images: readonly ImageFile[]): Promise<ReadImages> {
  const bytes: Uint8Array[] = [];
  for (const image of images) {
    const result = await readImage(image);
    if (typeof result === "string") return { problem: { image: image.name, reason: result } };
    bytes.push(result);
  }
  return { bytes };
}

/** The bytes of a valid image, or the reason why it cannot be used. */
async function readImage({ name, folders }: ImageFile): Promise<Uint8Array | string> {
  for (const folder of folders) {
    try {
      const path = join(folder, name);
      const stats = await stat(path);
      if (!stats.isFile()) return "not a regular file";
      if (stats.size > maxImageBytes) return `${stats.size} bytes, more than ${maxImageBytes}`;
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
