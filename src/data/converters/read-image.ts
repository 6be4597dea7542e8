/** Images of a data set, prefetched for the writer. Each is decoded once, so that tables hold only valid images. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../errors.js";
import { fileError, isSystemFailure } from "../../files/index.js";
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

export type ReadImages =
  | { readonly bytes: readonly Uint8Array[] }
  | {
      readonly problem: ImageProblem;
      /** Whether its file was read. One that this user may not read may become readable without a change of its size. */
      readonly isRead: boolean;
    };
type Attempt = ReadImages | { readonly failure: unknown };

/**
 * Items with the bytes of their images, in order. A missing or broken image is reported in the result.
 * @throws InputError if the system fails to read an image that may be fine: a table without it would count as finished
 */
export async function* prefetchImages<T extends { readonly images: readonly ImageFile[] }>(
  items: Iterator<T> | AsyncIterator<T>,
  count: number,
): AsyncGenerator<readonly [T, ReadImages], void> {
  const waiting: { readonly item: T; readonly images: Promise<Attempt> }[] = [];
  for (let i = 0; i < count || waiting.length > 0; i++) {
    const next = i < count ? await items.next() : undefined;
    if (next?.done === false) waiting.push({ item: next.value, images: readAll(next.value.images) });
    const full = waiting.length > prefetch || next === undefined || next.done === true;
    const first = full ? waiting.shift() : undefined;
    if (first === undefined) continue;
    const read = await first.images;
    if ("failure" in read) throw read.failure;
    yield [first.item, read];
  }
}

/** Never rejects: prefetched images are not awaited after another failure. */
async function readAll(images: readonly ImageFile[]): Promise<Attempt> {
  const bytes: Uint8Array[] = [];
  try {
    for (const image of images) {
      const result = await readImage(image);
      if ("reason" in result) return { problem: { image: image.name, reason: result.reason }, isRead: result.isRead };
      bytes.push(result);
    }
    return { bytes };
  } catch (failure) {
    return { failure };
  }
}

/** The bytes of a valid image, or the reason why it cannot be used. */
async function readImage({ name, folders }: ImageFile): Promise<Uint8Array | { reason: string; isRead: boolean }> {
  const unusable = (reason: string) => ({ reason, isRead: true });
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      const stats = await stat(path);
      if (!stats.isFile()) return unusable("not a regular file");
      if (stats.size > maxImageBytes) return unusable(`${stats.size} bytes, more than ${maxImageBytes}`);
      const bytes = await readFile(path);
      await decodeImage(bytes, { name });
      return bytes;
    } catch (error) {
      if (isSystemFailure(error)) throw fileError(path, error);
      if (error instanceof InputError) return unusable(error.found);
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      if (code !== "ENOENT") return { reason: `cannot be read (${code})`, isRead: false };
    }
  }
  return { reason: "not there", isRead: false };
}
