/**
 * The format of an image file by its first bytes. Only raster formats are accepted: a text format such as SVG can name other
 * files, and each further decoder reads more untrusted input.
 */
import { InputError } from "../errors.js";
import { standIn } from "../files/index.js";

/**
 * Endings of files that count as images in folders and archives, in lower case. In an archive, the first of several for one sample is
 * used.
 */
export const imageEndings: readonly string[] = [
  "jpg",
  "jpeg",
  "jpe",
  "jfif",
  "png",
  "webp",
  "gif",
  "tif",
  "tiff",
  "avif",
];

/** Extensions of images that cannot be decoded. They are named when they are skipped. */
export const undecodedEndings: readonly string[] = ["bmp", "heic", "heif", "jp2", "jxl", "svg"];

/** Whether a file of this name counts as an image. */
export const isImageName = (name: string): boolean =>
  imageEndings.some((ending) => name.toLowerCase().endsWith(`.${ending}`));

export type ImageFormat = "PNG" | "JPEG" | "WebP" | "GIF" | "TIFF" | "AVIF";

const formatNames = "PNG, JPEG, WebP, GIF, TIFF or AVIF";

const signatures: readonly (readonly [ImageFormat, RegExp])[] = [
  // eslint-disable-next-line no-control-regex -- the signature has them
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["JPEG", /^\xff\xd8\xff/],
  ["GIF", /^GIF8[79]a/],
  ["WebP", /^RIFF[^]{4}WEBP/],
  ["TIFF", /^(?:II[*+]\0|MM\0[*+])/],
  ["AVIF", /^[^]{4}ftyp(?:avif|avis)/],
];

const refused: readonly (readonly [string, RegExp])[] = [
  ["an SVG or XML text", /^\s*<(?:\?xml|svg|!)/i],
  ["a PDF document", /^%PDF-/],
  ["a BMP image", /^BM/],
  ["a HEIC image", /^[^]{4}ftyp(?:heic|heix|mif1|msf1)/],
];

/**
 * The format according to the first bytes.
 * @param where name of the image in errors
 * @throws InputError for an empty file, or one of another format
 */
export function imageFormat(bytes: Uint8Array, where: string): ImageFormat {
  if (bytes.length === 0) {
    throw new InputError({
      code: "invalid-image",
      where,
      expected: "an image",
      found: "an empty file (0 bytes)",
      hint: "Use another file",
    });
  }
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  const format = signatures.find(([, pattern]) => pattern.test(head))?.[0];
  if (format !== undefined) return format;
  throw new InputError({
    code: "unsupported-format",
    where,
    expected: `a ${formatNames} image`,
    found: refused.find(([, pattern]) => pattern.test(head))?.[0] ?? "a file in another format",
    hint: "Convert it to PNG or JPEG first",
    ...standIn(bytes),
  });
}
