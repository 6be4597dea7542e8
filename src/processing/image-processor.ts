/** Images to `pixel_values`: resize, centre crop, rescale, normalise, then pad over the batch. */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { imageSettings, type ImageSettings, readImageSettings } from "./image-settings.js";
import type { RawImage } from "./raw-image.js";
import { resizeImage } from "./resample.js";

export interface PixelBatch {
  /** [batch, 3, height, width] */
  readonly pixel_values: HostTensor<"float32">;
  /** [batch, height, width]: 1 on the image, 0 on padding. */
  readonly pixel_mask: HostTensor<"int64">;
}

// 1 GiB of float32: more would not fit beside the model on most machines.
const maxValues = 2 ** 28;

/** BridgeTowerImageProcessor of transformers 5.23 with its Pillow back end, bit for bit. */
export class ImageProcessor {
  constructor(readonly settings: ImageSettings) {}

  /** The processor that a model folder's `processor_config.json` or `preprocessor_config.json` describes. */
  static async fromFolder(folder: string): Promise<ImageProcessor> {
    return new ImageProcessor(await readImageSettings(folder));
  }

  /**
   * One batch of model inputs, as the settings say. With centre crop off, images keep their resized shapes and are
   * padded with 0 at the bottom and the right to the largest of them.
   *
   * Two departures: `pixel_mask` is there even with `do_pad` off, and then images of different sizes are an error
   * rather than a list, because the model takes one tensor.
   * @throws InputError no image, a shape that leaves nothing after resizing, or sizes that cannot be one batch
   */
  preprocess(images: readonly RawImage[], overrides: Partial<ImageSettings> = {}): PixelBatch {
    const settings = imageSettings({ ...this.settings, ...overrides }, "image settings");
    if (images.length === 0) {
      throw new InputError({
        code: "invalid-argument",
        where: "images",
        expected: "at least one image",
        found: "none",
      });
    }
    const windows = images.map((image, index) => windowOf(image, settings, nameOf(images, index)));
    const height = Math.max(...windows.map((window) => window.height));
    const width = Math.max(...windows.map((window) => window.width));
    const odd = windows.findIndex((window) => window.height !== height || window.width !== width);
    if (!settings.do_pad && odd >= 0) {
      const expected = `${width} x ${height} pixels as the largest of the batch has (do_pad is off)`;
      const found = `${windows[odd]!.width} x ${windows[odd]!.height} pixels after resizing`;
      const hint = "Turn do_pad or do_center_crop on, or process images one by one";
      throw new InputError({ code: "shape-mismatch", where: nameOf(images, odd), expected, found, hint });
    }
    if (images.length * 3 * height * width > maxValues) {
      const expected = `at most ${maxValues} values in a batch`;
      const found = `${images.length} images of ${width} x ${height} pixels`;
      throw new InputError({
        code: "invalid-argument",
        where: "images",
        expected,
        found,
        hint: "Process fewer images at a time",
      });
    }
    const pixel_values = HostTensor.zeros("float32", [images.length, 3, height, width]);
    const pixel_mask = HostTensor.zeros("int64", [images.length, height, width]);
    const tables = valueTables(settings);
    windows.forEach((window, index) => {
      // Resized here, one at a time, so that a batch of large images is never held twice.
      fillPlanes(window, settings, tables, pixel_values.row(index).data, width);
      const mask = pixel_mask.row(index).data;
      for (let y = 0; y < window.height; y++) mask.fill(1n, y * width, y * width + window.width);
    });
    return { pixel_values, pixel_mask };
  }
}

const nameOf = (images: readonly RawImage[], index: number) => images[index]?.name ?? `images[${index}]`;

/** What becomes of an image: its resized size, and the window of `width` x `height` seen through at (left, top). */
interface Window {
  readonly image: RawImage;
  readonly resized: { readonly width: number; readonly height: number };
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function windowOf(image: RawImage, settings: ImageSettings, where: string): Window {
  const { width, height, data } = image;
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    const found = `${data.length} bytes for ${width} x ${height} pixels`;
    throw new InputError({ code: "invalid-image", where, expected: "3 bytes for each of at least one pixel", found });
  }
  const resized = settings.do_resize ? resizedSize(image, settings, where) : { width, height };
  if (!settings.do_center_crop) return { image, resized, left: 0, top: 0, ...resized };
  const side = settings.crop_size.shortest_edge;
  // Also right where the image is smaller than the crop: then negative, and what lies outside is black.
  const left = Math.floor((resized.width - side) / 2);
  const top = Math.floor((resized.height - side) / 2);
  return { image, resized, left, top, width: side, height: side };
}

/**
 * Shorter side to `size`, longer side to at most 1333/800 of it, both cut to a multiple of `size_divisor`.
 * `get_resize_output_image_size` of transformers' BridgeTower image processor.
 * @throws InputError a shape that leaves no pixel; `where` is what the error calls the image
 */
function resizedSize(
  { width, height }: Pick<RawImage, "width" | "height">,
  { size, size_divisor }: Pick<ImageSettings, "size" | "size_divisor">,
  where: string,
): { readonly width: number; readonly height: number } {
  const shorter = size.shortest_edge;
  const longer = Math.trunc((1333 / 800) * shorter);
  const scale = shorter / Math.min(height, width);
  let newHeight = height < width ? shorter : scale * height;
  let newWidth = height < width ? scale * width : shorter;
  const largest = Math.max(newHeight, newWidth);
  if (largest > longer) {
    const limit = longer / largest;
    newHeight *= limit;
    newWidth *= limit;
  }
  const multiple = (length: number): number => Math.floor(Math.trunc(length + 0.5) / size_divisor) * size_divisor;
  const resized = { width: multiple(newWidth), height: multiple(newHeight) };
  if (resized.width === 0 || resized.height === 0) {
    throw new InputError({
      code: "invalid-image",
      where,
      expected: `an image whose shorter side keeps ${size_divisor} pixels when the longer is cut to ${longer}`,
      found: `${width} x ${height} pixels`,
      hint: "Crop the image to a less extreme shape",
    });
  }
  return resized;
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

/** Writes one image's three planes, [3, rows, rowLength]; rows and columns past its window stay 0. */
function fillPlanes(
  window: Window,
  settings: ImageSettings,
  tables: readonly Float32Array[],
  planes: Float32Array,
  rowLength: number,
): void {
  const { width, height, data } = resizeImage(
    window.image,
    window.resized.width,
    window.resized.height,
    settings.resample,
  );
  const planeSize = planes.length / 3;
  const firstX = Math.max(0, -window.left);
  const endX = Math.min(window.width, width - window.left);
  for (let channel = 0; channel < 3; channel++) {
    const table = tables[channel]!;
    const black = table[0]!;
    for (let y = 0; y < window.height; y++) {
      const row = channel * planeSize + y * rowLength;
      planes.fill(black, row, row + window.width);
      const sourceY = y + window.top;
      if (sourceY < 0 || sourceY >= height) continue;
      let source = (sourceY * width + firstX + window.left) * 3 + channel;
      for (let x = firstX; x < endX; x++, source += 3) planes[row + x] = table[data[source]!]!;
    }
  }
}
