/** Image bytes to RGB. Files come from strangers: kind, size and time are bounded before and while the decoder runs. */
import { readBytes } from "../files/index.js";
import type { Metadata, Sharp } from "sharp";
import { InputError } from "../errors.js";

import { formatNames, type ImageFormat, sniffFormat } from "./image-format.js";
import { type RawImage, rawImageOf, type Samples } from "./raw-image.js";

export interface DecodeOptions {
  /** Largest number of pixels that is decoded; a 16-bit image counts twice. Default 100 million: about 1 GB at work. */
  readonly maxPixels?: number;
  /** What errors call an image that is given as bytes. Default "image". */
  readonly name?: string;
}

const defaultMaxPixels = 100_000_000;
// The largest that JPEG and GIF can have; longer rows cost the decoder far more memory than their pixels.
const maxSide = 65_535;
const maxFileBytes = 512 * 2 ** 20;
const maxSeconds = 15;

/**
 * The RGB image in a file or in bytes, as a person sees it: first frame, EXIF orientation applied, transparency on
 * white, 16-bit greyscale scaled to 8 bits, colour profile ignored; all else as Pillow's `convert("RGB")`.
 * PNG, GIF, lossless WebP and TIFF agree with Pillow bit for bit, JPEG and lossy WebP within one level.
 * AVIF decoders enlarge chroma differently: colours beside sharp edges may be far apart.
 * @param source a path (string) or the file's content
 * @throws InputError missing, not a file, empty, of another kind, damaged, or too large
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<RawImage> {
  const where = typeof source === "string" ? source : (options.name ?? "image");
  if (source === "") {
    throw new InputError({
      code: "invalid-argument",
      where: "image",
      expected: "the name of a file",
      found: "an empty name",
    });
  }
  const bytes =
    typeof source === "string"
      ? await readBytes(source, { maxBytes: maxFileBytes, expected: "an image file" })
      : source;
  if (bytes.length === 0) {
    throw new InputError({
      code: "invalid-image",
      where,
      expected: "an image",
      found: "an empty file (0 bytes)",
      hint: "Give another file",
    });
  }
  const kind = sniffFormat(bytes);
  if ("found" in kind) {
    const hint = "Convert it to PNG or JPEG first";
    throw new InputError({
      code: "unsupported-format",
      where,
      expected: `a ${formatNames} image`,
      found: kind.found,
      hint,
    });
  }
  // 0.1 s of start-up that a text-only command should not pay.
  const { default: sharp } = await import("sharp");
  const decoder = sharp(bytes, { ignoreIcc: true, failOn: "error", limitInputPixels: false });
  try {
    const metadata = await decoder.metadata();
    checkSize(metadata, where, options.maxPixels ?? defaultMaxPixels);
    checkDepth(metadata, where);
    const image = rawImageOf(await readSamples(decoder, metadata));
    return typeof source === "string" ? { ...image, name: source } : image;
  } catch (cause) {
    throw cause instanceof InputError ? cause : decodingError(where, kind.format, cause);
  }
}

function checkSize(metadata: Metadata, where: string, maxPixels: number): void {
  const { width, pageHeight, depth } = metadata;
  const height = pageHeight ?? metadata.height;
  if (!(width > 0 && height > 0)) {
    throw new InputError({
      code: "invalid-image",
      where,
      expected: "at least one pixel",
      found: `a size of ${width} x ${height}`,
    });
  }
  if (Math.max(width, height) > maxSide) {
    const hint = "Crop or shrink the image";
    throw new InputError({
      code: "image-too-large",
      where,
      expected: `sides of at most ${maxSide} pixels`,
      found: `${width} x ${height}`,
      hint,
    });
  }
  const cost = width * height * (depth === "ushort" ? 2 : 1);
  if (cost > maxPixels) {
    const found = `${width} x ${height}${depth === "ushort" ? " at 16 bits, which count twice" : ""}`;
    throw new InputError({
      code: "image-too-large",
      where,
      expected: `at most ${maxPixels} pixels`,
      found,
      hint: "Shrink the image",
    });
  }
}

function checkDepth({ depth }: Metadata, where: string): void {
  if (depth === "uchar" || depth === "ushort") return;
  const hint = "Convert it to 8 bits first";
  throw new InputError({
    code: "unsupported-format",
    where,
    expected: "8 or 16 bits a channel",
    found: `samples of type ${depth}`,
    hint,
  });
}

async function readSamples(image: Sharp, { space, depth }: Metadata): Promise<Samples> {
  const cmyk = space === "cmyk";
  const wide = depth === "ushort" && !cmyk;
  const colourspace = cmyk ? "cmyk" : !wide ? "srgb" : space === "grey16" ? "grey16" : "rgb16";
  const { data, info } = await image
    .autoOrient()
    .pipelineColourspace(colourspace)
    .toColourspace(colourspace)
    .raw({ depth: wide ? "ushort" : "uchar" })
    .timeout({ seconds: maxSeconds })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const values = wide
    ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
    : new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { width, height, channels, layout: cmyk ? "cmyk" : "grey or rgb", values };
}

function decodingError(where: string, format: ImageFormat, cause: unknown): InputError {
  const late = cause instanceof Error && cause.message.includes("timeout");
  const expected = late ? `a ${format} image that decodes within ${maxSeconds} s` : `a complete ${format} image`;
  const found = late ? "one that takes longer" : "damaged or truncated data";
  const hint = late ? "Save it again with another program" : "Fetch or save the file again";
  return new InputError({ code: "invalid-image", where, expected, found, hint }, { cause });
}
