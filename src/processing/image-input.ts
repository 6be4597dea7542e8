/** Images in every form that JavaScript has: paths, URLs, bytes, blobs and decoded pixels. */
import { fileURLToPath } from "node:url";
import { InputError } from "../errors.js";
import { readBytes } from "../files/index.js";
import type { RawImage } from "./decode-image.js";

/**
 * An image: the path of a file, a `file:` or `data:` URL (string or `URL`), the bytes of an image file (`Buffer`, `Uint8Array`,
 * `ArrayBuffer`, `Blob`, `File`), or decoded RGB pixels. Strings are opened as files: validate strings from users first.
 */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

/** The content of an image file. */
export interface ImageFile {
  readonly bytes: Uint8Array;
  /** Its name in errors. */
  readonly where: string;
  /** The path of the file, if there is one. */
  readonly name?: string;
}

/** Maximum size of an image file. */
export const maxFileBytes = 512 * 2 ** 20;

/**
 * The content of an image file in any form but a path.
 * @param name name of bytes in errors
 * @throws InputError if a file is missing or too large, for a URL that is not `file:` or `data:`, or another type of value
 */
export async function imageFileOf(image: Exclude<ImageInput, RawImage>, name = "image"): Promise<ImageFile> {
  if (typeof image === "string" || image instanceof URL) return readUrl(new URL(image));
  if (image instanceof Uint8Array) return { bytes: image, where: name };
  if (image instanceof ArrayBuffer) return { bytes: new Uint8Array(image), where: name };
  if (image instanceof Blob) return readBlob(image, name);
  throw new InputError({
    code: "invalid-argument",
    where: "image",
    expected: "a path, a file: or data: URL, a Uint8Array, ArrayBuffer, Blob or RawImage",
    found: typeName(image),
  });
}

/** A scheme of two letters or more: `C:\photo.png` is a path. */
export const isUrl = (text: string) => /^(file|data|https?|blob|ftp):/i.test(text) && URL.canParse(text);

async function readUrl(url: URL): Promise<ImageFile> {
  if (url.protocol === "file:") {
    const path = fileURLToPath(url);
    return {
      bytes: await readBytes(path, { maxBytes: maxFileBytes, expected: "an image file" }),
      where: path,
      name: path,
    };
  }
  if (url.protocol === "data:") return { bytes: await dataOf(url), where: "data URL" };
  throw new InputError({
    code: "invalid-argument",
    where: url.href.length > 200 ? `${url.href.slice(0, 197)}...` : url.href,
    expected: "a path, or a file: or data: URL",
    found: `a URL with the scheme ${url.protocol}`,
    hint: "Fetch it first: await (await fetch(url)).blob()",
  });
}

async function dataOf(url: URL): Promise<Uint8Array> {
  try {
    // Node decodes data: URLs itself; no request is made.
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch (cause) {
    const found = "a data: URL that cannot be decoded";
    throw new InputError(
      { code: "invalid-image", where: "data URL", expected: "data:image/…;base64,…", found },
      { cause },
    );
  }
}

async function readBlob(blob: Blob, name: string): Promise<ImageFile> {
  const where = "name" in blob && typeof blob.name === "string" && blob.name !== "" ? blob.name : name;
  if (blob.size > maxFileBytes) {
    const found = `${blob.size} bytes`;
    throw new InputError({ code: "file-too-large", where, expected: `at most ${maxFileBytes} bytes`, found });
  }
  return { bytes: new Uint8Array(await blob.arrayBuffer()), where };
}

/** Whether the value is decoded pixels. */
export function isRawImage(value: unknown): value is RawImage {
  if (typeof value !== "object" || value === null) return false;
  const { width, height, data } = value as Partial<RawImage>;
  return typeof width === "number" && typeof height === "number" && data instanceof Uint8Array;
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const constructor: unknown = value.constructor;
  return typeof constructor === "function" && constructor.name !== "Object" ? constructor.name : "another object";
}
