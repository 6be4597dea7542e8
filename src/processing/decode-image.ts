/** Image files to RGB pixels. Files are untrusted: format, size and time are bounded before and while the decoder runs. */
import type { Metadata } from "sharp";
import { InputError, missingPackage } from "../errors.js";
import { readBytes } from "../files/index.js";
import { yieldToEventLoop } from "../threads/index.js";
import { imageFormat, type ImageFormat } from "./image-format.js";
import { imageFileOf, isRawImage, isUrl, maxFileBytes, pathError, type ImageInput } from "./image-input.js";
import { exifBeforePixels } from "./png-exif.js";

/** A decoded image: 8-bit RGB, 3 bytes per pixel, row-major. */
export interface RawImage {
  /** Its name in errors. Default: its index in the batch. */
  readonly name?: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface DecodeOptions {
  /** Maximum number of pixels; a 16-bit image counts twice. Default 100 million, which takes about 1 GB to decode. */
  readonly maxPixels?: number;
  /** The name in errors of an image given as bytes. Default "image". */
  readonly name?: string;
}

const defaultMaxPixels = 100_000_000;
// The largest side that JPEG and GIF can have; longer rows take the decoder far more memory than their pixels.
const maxSide = 65_535;
const maxSeconds = 15;

/**
 * The RGB pixels of an image, decoded unless they are already: first frame, with EXIF orientation applied, transparency
 * composited on white, 16-bit greyscale scaled to 8 bits, colour profile ignored; all else as Pillow's `convert("RGB")`.
 * PNG, GIF, lossless WebP and TIFF agree with Pillow bit for bit, JPEG and lossy WebP within one level.
 * AVIF decoders enlarge chroma differently: colours beside sharp edges may be far apart.
 * @throws InputError for an image that is missing, empty, damaged, too large or of another format, a URL that is not `file:` or
 * `data:`, or another type of value
 * @example
 * const { width, height } = await decodeImage("examples/images/010.png");
 * console.log(width, height); // 96 96
 */
export async function decodeImage(image: ImageInput, options: DecodeOptions = {}): Promise<RawImage> {
  if (isRawImage(image)) return image;
  const path = typeof image === "string" && !isUrl(image) ? image : undefined;
  const { bytes, where, name } =
    path === undefined
      ? await imageFileOf(image, options.name)
      : {
          bytes: await readBytes(path, { maxBytes: maxFileBytes, expected: "an image file" }).catch(
            (cause: unknown) => {
              throw pathError(path, cause);
            },
          ),
          where: path,
          name: path,
        };
  const format = imageFormat(bytes, where);
  // 0.1 s of start-up that a command without images should not pay.
  const { default: sharp } = await import("sharp").catch((cause: unknown) => {
    throw missingPackage("sharp", cause) ?? cause;
  });
  const decoder = sharp(format === "PNG" ? exifBeforePixels(bytes) : bytes, {
    ignoreIcc: true,
    failOn: "error",
    limitInputPixels: false,
  });
  try {
    const metadata = await decoder.metadata();
    checkSize(metadata, where, options.maxPixels ?? defaultMaxPixels);
    checkDepth(metadata, where);
    const { colourspace, depth } = samplesOf(metadata);
    const { data, info } = await decoder
      .autoOrient()
      .pipelineColourspace(colourspace)
      .toColourspace(colourspace)
      .raw({ depth })
      .timeout({ seconds: maxSeconds })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { name, width, height, data: await rgbOf(data, channels, colourspace, depth) };
  } catch (cause) {
    throw cause instanceof InputError ? cause : decodingError(where, format, cause);
  }
}

/** The colours that are read: as they are stored, except that 8-bit RGB and grey become sRGB. */
function samplesOf({ space, depth }: Metadata): {
  readonly colourspace: "cmyk" | "srgb" | "grey16" | "rgb16";
  readonly depth: "uchar" | "ushort";
} {
  if (space === "cmyk") return { colourspace: "cmyk", depth: "uchar" };
  if (depth !== "ushort") return { colourspace: "srgb", depth: "uchar" };
  return { colourspace: space === "grey16" ? "grey16" : "rgb16", depth: "ushort" };
}

/**
 * RGB of interleaved samples. Transparency is composited on white, 16-bit greyscale is scaled (value / 257, rounded),
 * other 16-bit samples keep their high byte, CMYK follows Pillow's `convert("RGB")`.
 * @param channels grey, grey + alpha, RGB, RGB + alpha, or the four inks of CMYK
 */
async function rgbOf(
  data: Uint8Array,
  channels: number,
  colourspace: string,
  depth: "uchar" | "ushort",
): Promise<Uint8Array> {
  const values =
    depth === "ushort"
      ? await eightBit(new Uint16Array(data.buffer, data.byteOffset, data.length / 2), channels)
      : data;
  if (colourspace !== "cmyk" && channels === 3) return values;
  const convert = colourspace === "cmyk" ? convertCmyk : compositeOnWhite;
  const rgb = new Uint8Array((values.length / channels) * 3);
  for (let from = 0, to = 0; to < rgb.length; from += pixelsAPiece * channels, to += pixelsAPiece * 3) {
    await yieldToEventLoop();
    convert(values.subarray(from, from + pixelsAPiece * channels), channels, rgb.subarray(to, to + pixelsAPiece * 3));
  }
  return rgb;
}

/** Pixels that are converted in about a millisecond. */
const pixelsAPiece = 2 ** 16;

async function eightBit(values: Uint16Array, channels: number): Promise<Uint8Array> {
  const eight = new Uint8Array(values.length);
  for (let start = 0; start < values.length; start += pixelsAPiece) {
    await yieldToEventLoop();
    const end = Math.min(values.length, start + pixelsAPiece);
    // Pillow reads 16-bit grey as 16 bits but keeps the high byte of LA, RGB and RGBA.
    if (channels === 1) for (let i = start; i < end; i++) eight[i] = Math.floor((values[i]! + 128) / 257);
    else for (let i = start; i < end; i++) eight[i] = values[i]! >> 8;
  }
  return eight;
}

function compositeOnWhite(values: Uint8Array, channels: number, rgb: Uint8Array): void {
  const grey = channels < 3;
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    const alpha = channels % 2 === 0 ? values[from + channels - 1]! : 255;
    for (let c = 0; c < 3; c++) rgb[to + c] = onWhite(values[grey ? from : from + c]!, alpha);
  }
}

/** `value` at opacity `alpha` over white, rounded as Pillow's `Image.alpha_composite` rounds (7 extra bits, then / 255). */
function onWhite(value: number, alpha: number): number {
  const sum = (value * alpha + 255 * (255 - alpha) + 128) << 7;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

/** Pillow's CMYK to RGB: 255 - K - C·(255 - K) / 255 with its rounding, clipped at 0. */
function convertCmyk(values: Uint8Array, channels: number, rgb: Uint8Array): void {
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    const light = 255 - values[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = values[from + c]! * light + 128;
      rgb[to + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
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
    expected: "8 or 16 bits per channel",
    found: `samples of type ${depth}`,
    hint,
  });
}

function decodingError(where: string, format: ImageFormat, cause: unknown): InputError {
  const late = cause instanceof Error && cause.message.includes("timeout");
  const expected = late ? `a ${format} image that decodes within ${maxSeconds} s` : `a complete ${format} image`;
  const found = late ? "one that takes longer" : "damaged or truncated data";
  const hint = late ? "Save it again with another program" : "Fetch or save the file again";
  return new InputError({ code: "invalid-image", where, expected, found, hint }, { cause });
}
