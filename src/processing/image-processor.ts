/** Images to `pixel_values`: resize, centre crop, rescale, normalise, then pad over the batch. */
import { callbackType, checkArgument, checkOptions, listOf, objectType, type OptionTypes } from "../arguments.js";
import { InputError } from "../errors.js";
import { isSystemFailure } from "../files/index.js";
import { HostTensor } from "../graph/index.js";
import { Semaphore, yieldToEventLoop } from "../threads/index.js";
import { decodeImage, type RawImage } from "./decode-image.js";
import type { ImageInput } from "./image-input.js";
import { imageSettings, type ImageSettings, readImageSettings } from "./image-settings.js";
import { type Window, windowOf } from "./image-window.js";
import {
  kernels,
  type Kernel,
  nearestSources,
  precisionBits,
  type ResampleFilter,
  resampleFilters,
  tapsFor,
} from "./resample.js";

export interface PixelBatch {
  /** [batch, 3, height, width] */
  readonly pixel_values: HostTensor<"float32">;
  /** [batch, height, width]: 1 on the image, 0 on padding. */
  readonly pixel_mask: HostTensor<"int64">;
}

export interface PreprocessOptions {
  /** Called with each image and its index when it has been decoded. A promise that it returns is awaited. */
  readonly onDecoded?: ((image: RawImage, index: number) => unknown) | undefined;
  /**
   * Called with the error and the index of each image that cannot be read, decoded or resized, which is left out of the batch. By default, or
   * if it throws, the call is rejected. A batch of which all images are left out has the shape [0, 3, 0, 0].
   */
  readonly onBrokenImage?: ((error: InputError, index: number) => void) | undefined;
}

/** Each image is checked when it is decoded. */
const imageList = listOf({ expected: "an image", accepts: () => true });
const preprocessOptions: OptionTypes<PreprocessOptions> = { onDecoded: callbackType, onBrokenImage: callbackType };

// 1 GiB of float32: more would not fit beside the model on most machines.
const maxValues = 2 ** 28;

/** Images whose full-size pixels are in memory at a time, in all calls of a processor together. */
const maxDecoded = 4;

/** BridgeTowerImageProcessor of transformers 5.23 with its Pillow back end, bit for bit. */
export class ImageProcessor {
  private readonly decoding = new Semaphore(maxDecoded);

  constructor(readonly settings: ImageSettings) {}

  /** The processor that a model folder's `processor_config.json` or `preprocessor_config.json` describes. */
  static async fromFolder(folder: string): Promise<ImageProcessor> {
    return new ImageProcessor(await readImageSettings(folder));
  }

  /** A processor with some settings replaced. @throws InputError if they are wrong or do not fit the others */
  withSettings(changes: Partial<ImageSettings>): ImageProcessor {
    checkArgument("image settings", changes, objectType);
    return new ImageProcessor(imageSettings({ ...this.settings, ...changes }, "image settings"));
  }

  /**
   * One batch of model inputs. With centre crop off, images keep their resized shapes and are padded with 0 at the bottom and
   * the right to the largest of them. Images are decoded and resized a few at a time, so that memory does not depend on how
   * many large images there are, and in slices of a few milliseconds, so that the event loop is not blocked.
   *
   * Two differences from transformers: `pixel_mask` is there even with `do_pad` off, and then images of different sizes are an
   * error, because the model takes one tensor.
   * @throws InputError for no image, an image that cannot be decoded, a shape that leaves nothing after resizing, or sizes that
   * cannot be one batch
   */
  async preprocess(images: readonly ImageInput[], options: PreprocessOptions = {}): Promise<PixelBatch> {
    checkArgument("images", images, imageList);
    checkOptions("preprocess", options, preprocessOptions);
    const { onDecoded, onBrokenImage } = options;
    const { settings } = this;
    checkCount(images.length, settings);
    const results = new Array<Prepared | undefined>(images.length);
    const waiting = images.keys();
    await Promise.all(
      Array.from({ length: Math.min(maxDecoded, images.length) }, async () => {
        // An error ends the iterator for all, so that no further image is decoded.
        for (const index of waiting) {
          await this.decoding.acquire();
          try {
            let image: RawImage;
            let where: string;
            let window: Window;
            try {
              image = await decodeImage(images[index]!);
              where = image.name ?? `images[${index}]`;
              window = windowOf(image, settings, where);
            } catch (error) {
              // A library that is missing and a failure of the disk are no faults of the image.
              const isBroken =
                error instanceof InputError && error.code !== "runtime-failed" && !isSystemFailure(error);
              if (onBrokenImage === undefined || !isBroken) throw error;
              onBrokenImage(error, index);
              continue;
            }
            await onDecoded?.(image, index);
            const { width, height } = window.resized;
            const { data } = await resizeImage(image, width, height, settings.resample);
            results[index] = { where, window, pixels: data };
          } finally {
            this.decoding.release();
          }
        }
      }),
    );
    const prepared = results.filter((result) => result !== undefined);
    const { height, width } = batchSize(prepared, settings);
    const pixel_values = HostTensor.zeros("float32", [prepared.length, 3, height, width]);
    const pixel_mask = HostTensor.zeros("int64", [prepared.length, height, width]);
    const tables = valueTables(settings);
    for (const [index, { window, pixels }] of prepared.entries()) {
      const planes = pixel_values.row(index).data;
      const mask = pixel_mask.row(index).data;
      const { left, top, resized } = window;
      const [firstX, endX] = [Math.max(0, -left), Math.min(window.width, resized.width - left)];
      for (let y = 0; y < window.height; y++) {
        if (y % rowsAPiece === 0) await yieldToEventLoop();
        mask.fill(1n, y * width, y * width + window.width);
        for (const [channel, table] of tables.entries()) {
          const row = (channel * height + y) * width;
          planes.fill(table[0]!, row, row + window.width);
          const sourceY = y + top;
          if (sourceY < 0 || sourceY >= resized.height) continue;
          let source = (sourceY * resized.width + firstX + left) * 3 + channel;
          for (let x = firstX; x < endX; x++, source += 3) planes[row + x] = table[pixels[source]!]!;
        }
      }
    }
    return { pixel_values, pixel_mask };
  }
}

/** A resized image, and the window to crop from it. */
interface Prepared {
  readonly where: string;
  readonly window: Window;
  /** RGB, 3 bytes per pixel. */
  readonly pixels: Uint8Array;
}

/** Checked before any image is decoded, as far as the settings determine the size of the batch. */
function checkCount(count: number, { do_center_crop, crop_size }: ImageSettings): void {
  if (count === 0) {
    throw new InputError({ code: "invalid-argument", where: "images", expected: "at least one image", found: "none" });
  }
  if (do_center_crop) checkValues(count, crop_size.shortest_edge, crop_size.shortest_edge);
}

function checkValues(count: number, width: number, height: number): void {
  if (count * 3 * height * width <= maxValues) return;
  throw new InputError({
    code: "invalid-argument",
    where: "images",
    expected: `at most ${maxValues} values in a batch`,
    found: `${count} images of ${width} x ${height} pixels`,
    hint: "Process fewer images at a time",
  });
}

/** Rows of a batch that take less than a millisecond. */
const rowsAPiece = 64;

/** The size of the largest window, to which the others are padded. */
function batchSize(prepared: readonly Prepared[], { do_pad }: ImageSettings): { height: number; width: number } {
  const height = prepared.reduce((size, { window }) => Math.max(size, window.height), 0);
  const width = prepared.reduce((size, { window }) => Math.max(size, window.width), 0);
  const other = prepared.find(({ window }) => window.height !== height || window.width !== width);
  if (!do_pad && other !== undefined) {
    const expected = `${width} x ${height} pixels as the largest of the batch has (do_pad is off)`;
    const found = `${other.window.width} x ${other.window.height} pixels after resizing`;
    const hint = "Turn do_pad or do_center_crop on, or process images one by one";
    throw new InputError({ code: "shape-mismatch", where: other.where, expected, found, hint });
  }
  checkValues(prepared.length, width, height);
  return { height, width };
}

/** The value of each of the 256 levels, per channel: (level · rescale_factor - mean) / std, rounded step by step as NumPy does. */
function valueTables(settings: ImageSettings): readonly Float32Array[] {
  const { do_rescale, do_normalize, rescale_factor, image_mean, image_std } = settings;
  return [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, level) => {
      const scaled = do_rescale ? Math.fround(level * rescale_factor) : level;
      if (!do_normalize) return scaled;
      return Math.fround(scaled - Math.fround(image_mean[channel]!)) / Math.fround(image_std[channel]!);
    }),
  );
}

/**
 * The image at another size in pixels, as Pillow resizes it: each axis separately, the result of the first pass rounded to 8 bits before
 * the second. The same object if the size does not change. Lets the event loop run every few milliseconds.
 */
export async function resizeImage(
  image: RawImage,
  width: number,
  height: number,
  filter: ResampleFilter,
): Promise<RawImage> {
  if (image.width === width && image.height === height) return image;
  if (filter === resampleFilters.nearest) return resizeNearest(image, width, height);
  const kernel = kernels[filter];
  return losesRowsFirst(image, width, height)
    ? resizeAxis(await resizeAxis(image, "height", height, kernel), "width", width, kernel)
    : resizeAxis(await resizeAxis(image, "width", width, kernel), "height", height, kernel);
}

/**
 * Pillow 13.0 does the vertical pass first if it drops many more rows than columns. The order affects the rounding. Up to Pillow 12.3 the
 * horizontal pass always came first. Both orders agree for photos of the usual 4:3 and 3:2.
 */
function losesRowsFirst(from: RawImage, width: number, height: number): boolean {
  return from.height > height && from.height - height > 2 * (from.width - width);
}

/** Products of a sum that take about a millisecond. */
const productsAPiece = 2 ** 18;

async function resizeAxis(image: RawImage, axis: "width" | "height", size: number, kernel: Kernel): Promise<RawImage> {
  if (image[axis] === size) return image;
  const { first, count, weights, stride } = tapsFor(image[axis], size, kernel);
  const { data } = image;
  const resized = { width: image.width, height: image.height, [axis]: size };
  const rowStep = image.width * 3;
  const tapStep = axis === "width" ? 3 : rowStep;
  const half = 1 << (precisionBits - 1);
  // The clamped array cuts at 0 and 255, as Pillow's table does.
  const out = new Uint8ClampedArray(resized.width * resized.height * 3);
  const rows = Math.ceil(productsAPiece / (resized.width * stride));
  for (let y = 0, to = 0; y < resized.height; y++) {
    if (y % rows === 0) await yieldToEventLoop();
    for (let x = 0; x < resized.width; x++, to += 3) {
      const i = axis === "width" ? x : y;
      let source = axis === "width" ? y * rowStep + first[i]! * 3 : first[i]! * rowStep + x * 3;
      let red = half;
      let green = half;
      let blue = half;
      for (let k = i * stride, end = k + count[i]!; k < end; k++, source += tapStep) {
        const weight = weights[k]!;
        red += weight * data[source]!;
        green += weight * data[source + 1]!;
        blue += weight * data[source + 2]!;
      }
      out[to] = red >> precisionBits;
      out[to + 1] = green >> precisionBits;
      out[to + 2] = blue >> precisionBits;
    }
  }
  return { ...resized, data: new Uint8Array(out.buffer) };
}

async function resizeNearest(
  { data, width: fromWidth, height: fromHeight }: RawImage,
  width: number,
  height: number,
): Promise<RawImage> {
  const columns = nearestSources(fromWidth, width);
  const rows = nearestSources(fromHeight, height);
  const out = new Uint8Array(width * height * 3);
  let to = 0;
  for (const [y, row] of rows.entries()) {
    if (y % rowsAPiece === 0) await yieldToEventLoop();
    for (const column of columns) {
      const source = (row * fromWidth + column) * 3;
      out[to++] = data[source]!;
      out[to++] = data[source + 1]!;
      out[to++] = data[source + 2]!;
    }
  }
  return { width, height, data: out };
}
