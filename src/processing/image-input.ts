/** Images in every form that JavaScript has: paths, URLs, bytes, blobs and decoded pixels. */
import { fileURLToPath } from "node:url";
import { InputError } from "../errors.js";
import { decodeImage } from "./decode-image.js";
import type { RawImage } from "./raw-image.js";

/**
 * An image: the path of a file, a `file:` or `data:` URL (string or `URL`), the bytes of an image file (`Buffer`, `Uint8Array`,
 * `ArrayBuffer`, `Blob`, `File`), or decoded RGB pixels. Strings are opened as files: validate strings from users first.
 */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

/** As many bytes as a file may have (`decodeImage`). */
const maxBytes = 512 * 2 ** 20;

/**
 * The RGB pixels of an image, decoded unless they are already.
 * @throws InputError for a missing, damaged or too large image, a URL that is not `file:` or `data:`, or another type of value
 * @example
 * const { width, height } = await loadImage("examples/images/010.png");
 * console.log(width, height); // 144 144
 */
export async function loadImage(image: ImageInput): Promise<RawImage> {
  if (typeof image === "string") return isUrl(image) ? loadUrl(new URL(image)) : decodeImage(image);
  if (image instanceof URL) return loadUrl(image);
  if (image instanceof Uint8Array) return decodeImage(image);
  if (image instanceof ArrayBuffer) return decodeImage(new Uint8Array(image));
  if (image instanceof Blob) return loadBlob(image);
  if (isRawImage(image)) return image;
  throw new InputError({
    code: "invalid-argument",
    where: "image",
    expected: "a path, a file: or data: URL, a Uint8Array, ArrayBuffer, Blob or RawImage",
    found: typeName(image),
  });
}

/** A scheme of two letters or more: `C:\photo.png` is a path. */
const isUrl = (text: string) => /^(file|data|https?|blob|ftp):/i.test(text) && URL.canParse(text);

function loadUrl(url: URL): Promise<RawImage> {
  if (url.protocol === "file:") return decodeImage(fileURLToPath(url));
  if (url.protocol === "data:") return loadDataUrl(url);
  throw new InputError({
    code: "invalid-argument",
    where: url.href.length > 200 ? `${url.href.slice(0, 197)}...` : url.href,
    expected: "a path, or a file: or data: URL",
    found: `a URL with the scheme ${url.protocol}`,
    hint: "Fetch it first: await (await fetch(url)).blob()",
  });
}

async function loadDataUrl(url: URL): Promise<RawImage> {
  let bytes: Uint8Array;
  try {
    // Node decodes data: URLs itself; no request is made.
    bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch (cause) {
    const found = "a data: URL that cannot be decoded";
    throw new InputError(
      { code: "invalid-image", where: "data URL", expected: "data:image/…;base64,…", found },
      { cause },
    );
  }
  return decodeImage(bytes, { name: "data URL" });
}

async function loadBlob(blob: Blob): Promise<RawImage> {
  const name = "name" in blob && typeof blob.name === "string" && blob.name !== "" ? blob.name : "image";
  if (blob.size > maxBytes) {
    const found = `${blob.size} bytes`;
    throw new InputError({ code: "file-too-large", where: name, expected: `at most ${maxBytes} bytes`, found });
  }
  return decodeImage(new Uint8Array(await blob.arrayBuffer()), { name });
}

function isRawImage(value: unknown): value is RawImage {
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
