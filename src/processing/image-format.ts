/**
 * What kind of file the first bytes announce. Only raster formats pass: a text format such as SVG can name other files,
 * and each further decoder is one more door for hostile bytes.
 */

export type ImageFormat = "PNG" | "JPEG" | "WebP" | "GIF" | "TIFF" | "AVIF";

export const formatNames = "PNG, JPEG, WebP, GIF, TIFF or AVIF";

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

/** The format that the first bytes announce, or words for what else they seem to be. */
export function sniffFormat(bytes: Uint8Array): { format: ImageFormat } | { found: string } {
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  const format = signatures.find(([, pattern]) => pattern.test(head))?.[0];
  if (format !== undefined) return { format };
  return {
    found: refused.find(([, pattern]) => pattern.test(head))?.[0] ?? "a file that is no image of these kinds",
  };
}
