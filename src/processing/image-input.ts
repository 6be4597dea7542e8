/** Images in every form that JavaScript has: paths, URLs, bytes, blobs and decoded pixels. */
import { fileURLToPath } from "node:url";
import { types } from "node:util";
import { InputError } from "../errors.js";
import { readBytes } from "../files/index.js";
import type { RawImage } from "./decode-image.js";

/**
 * An image: the path of a file, a `file:` or `data:` URL (string or `URL`), the bytes of an image file (`Buffer`, `Uint8Array`,
 * `Uint8ClampedArray`, `DataView`, `ArrayBuffer`, `SharedArrayBuffer`, `Blob`, `File`), or decoded RGB pixels. Strings are opened as files:
 * validate strings from users first.
 */
export type ImageInput =
  string | URL | Uint8Array | Uint8ClampedArray | DataView | ArrayBuffer | SharedArrayBuffer | Blob | RawImage;

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

/** Characters of a path or URL in errors. */
const maxShown = 200;

/**
 * The content of an image file in any form but a path.
 * @param name name of bytes in errors
 * @throws InputError if a file is missing or too large, for a URL that is not `file:` or `data:`, or another type of value
 */
export async function imageFileOf(image: Exclude<ImageInput, RawImage>, name = "image"): Promise<ImageFile> {
  if (typeof image === "string" || image instanceof URL) return readUrl(new URL(image));
  if (image instanceof Blob) return readBlob(image, name);
  const bytes = bytesOf(image);
  if (bytes !== undefined) return { bytes, where: name };
  throw new InputError({
    code: "invalid-argument",
    where: "image",
    expected: "a path, a file: or data: URL, a Uint8Array, ArrayBuffer, Blob or RawImage",
    found: typeName(image),
    hint: hintFor(image),
  });
}

/** The memory of values that hold bytes, also of those from another realm, such as a `vm` context. Undefined for all others. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
  if (types.isUint8Array(value) || types.isUint8ClampedArray(value) || types.isDataView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return undefined;
}

function hintFor(value: unknown): string | undefined {
  if (ArrayBuffer.isView(value)) return "Give the bytes of an image file, or pixels as { width, height, data }";
  if (typeof value !== "object" || value === null || !("data" in value)) return undefined;
  return "data of decoded pixels is a Uint8Array of 3 bytes per pixel, red, green and blue: leave out the transparency of a canvas";
}

/** Schemes of one letter are drives: `C:\photo.png` is a path. */
export const isUrl = (text: string) =>
  /^(?:(?:file|data|blob):|[a-z][a-z0-9+.-]+:\/\/)/i.test(text) && URL.canParse(text);

/**
 * The error of a path that cannot be read. A long one is not repeated: it may be a whole image in base64.
 * @param cause what reading threw
 */
export function pathError(path: string, cause: unknown): unknown {
  if (!(cause instanceof InputError)) return cause;
  if (path === "") {
    return new InputError({
      code: "invalid-argument",
      where: "image",
      expected: "the name of a file",
      found: "an empty name",
    });
  }
  if (path.length <= maxShown) return cause;
  if (!/^[\w+/-]+={0,2}$/.test(path.replace(/\s+/g, ""))) {
    return new InputError({ ...cause.toJSON(), where: shortened(path) }, { cause: cause.cause });
  }
  const problem = {
    code: "invalid-argument",
    where: "image",
    expected: "a path, or a file: or data: URL",
    found: `a text of ${path.length} characters that looks like base64`,
    hint: 'Decode it first: Buffer.from(text, "base64"), or write data:image/png;base64, before it',
  } as const;
  return new InputError(problem, { cause: cause.cause });
}

const shortened = (text: string) => (text.length > maxShown ? `${text.slice(0, maxShown - 3)}...` : text);

async function readUrl(url: URL): Promise<ImageFile> {
  if (url.protocol === "file:") {
    const path = pathOf(url);
    const bytes = await readBytes(path, { maxBytes: maxFileBytes, expected: "an image file" }).catch(
      (cause: unknown) => {
        throw pathError(path, cause);
      },
    );
    return { bytes, where: path, name: path };
  }
  if (url.protocol === "data:") return { bytes: await dataOf(url), where: "data URL" };
  throw new InputError({
    code: "invalid-argument",
    where: shortened(url.href),
    expected: "a path, or a file: or data: URL",
    found: `a URL with the scheme ${url.protocol}`,
    hint: downloadHint(url),
  });
}

/** How to get the image of a URL: fetch() has http and blob, curl has ftp, too. */
function downloadHint({ protocol, href }: URL): string {
  const quoted = href.length > maxShown ? "URL" : `'${href.replaceAll("'", "%27")}'`;
  const [curl, fetched] = [`curl -O ${quoted}`, "await (await fetch(url)).blob()"];
  if (protocol === "blob:") return `Fetch it first: ${fetched}`;
  if (protocol === "http:" || protocol === "https:") return `Fetch it first: ${curl} in a shell, ${fetched} in code`;
  if (/^ftps?:$/.test(protocol)) return `Download it first, for example with ${curl}, and give the path of the file`;
  return "Download it first, and give the path of the file";
}

/** @throws InputError for the URL of another host, or with an escaped slash */
function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(
      { code: "invalid-argument", where: shortened(url.href), expected: "a file: URL of this machine", found },
      { cause },
    );
  }
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
  return typeof width === "number" && typeof height === "number" && types.isUint8Array(data);
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  const constructor: unknown = value.constructor;
  return typeof constructor === "function" && constructor.name !== "Object" ? constructor.name : "another object";
}
