/** The settings of BridgeTowerImageProcessor, under the names and with the defaults of the published files. */
import { describe, isObject, type JsonObject, readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";
import { InputError } from "../errors.js";

import { type ResampleFilter, resampleFilters } from "./resample.js";

export type ChannelValues = readonly [red: number, green: number, blue: number];

export interface ImageSettings {
  readonly do_resize: boolean;
  readonly do_center_crop: boolean;
  readonly do_rescale: boolean;
  readonly do_normalize: boolean;
  readonly do_pad: boolean;
  /** Length of the shorter side after resizing, in pixels, before the cut to a multiple of `size_divisor`. */
  readonly size: { readonly shortest_edge: number };
  /** Side of the square that is cut out, in pixels. A file without it means `size`. */
  readonly crop_size: { readonly shortest_edge: number };
  readonly size_divisor: number;
  readonly resample: ResampleFilter;
  readonly rescale_factor: number;
  readonly image_mean: ChannelValues;
  readonly image_std: ChannelValues;
  /** Own field of models trained by this package; without it images are resized and cropped as in transformers. */
  readonly geometry?: Geometry;
}

/**
 * `torchvision`: the shorter side to `size` and the longer in proportion, without limits, as `Resize` and `CenterCrop` of torchvision 0.12.
 * `square`: to `size` x `size`, the aspect ratio is not kept.
 */
const geometries = ["torchvision", "square"] as const;
export type Geometry = (typeof geometries)[number];

/** Settings of the published checkpoints, and the defaults of files that lack some. */
export const defaultImageSettings: ImageSettings = {
  do_resize: true,
  do_center_crop: true,
  do_rescale: true,
  do_normalize: true,
  do_pad: true,
  size: { shortest_edge: 288 },
  crop_size: { shortest_edge: 288 },
  size_divisor: 32,
  resample: resampleFilters.bicubic,
  rescale_factor: 1 / 255,
  // Those of CLIP.
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};

// Beyond any checkpoint; keeps an untrusted file from taking gigabytes.
const maxEdge = 4096;

/**
 * Settings from a folder's `processor_config.json` (object `image_processor`, written by transformers 5) or
 * `preprocessor_config.json` (older).
 * @throws InputError neither file there, not JSON, or a setting of the wrong type
 */
export async function readImageSettings(folder: string): Promise<ImageSettings> {
  const joint = join(folder, "processor_config.json");
  const nested = (await readJsonObjectIfPresent(joint))?.image_processor;
  if (isObject(nested)) return imageSettings(nested, joint);
  const path = join(folder, "preprocessor_config.json");
  const settings = await readJsonObjectIfPresent(path);
  if (settings !== undefined) return imageSettings(settings, path);
  const expected = "preprocessor_config.json or processor_config.json with image settings";
  const hint = "Download the file that was published with the model";
  throw new InputError({ code: "file-not-found", where: folder, expected, found: "neither", hint });
}

/**
 * Checked settings from a parsed file: with defaults for missing keys, and without unknown keys.
 * @param where name of the file in errors
 */
export function imageSettings(json: JsonObject, where: string): ImageSettings {
  const read = new SettingsReader(json, where);
  const size = read.edge("size");
  const settings: ImageSettings = {
    do_resize: read.flag("do_resize"),
    do_center_crop: read.flag("do_center_crop"),
    do_rescale: read.flag("do_rescale"),
    do_normalize: read.flag("do_normalize"),
    do_pad: read.flag("do_pad"),
    size: { shortest_edge: size },
    // transformers 4 means `size` by a missing crop_size, 5 means 288: published 294-pixel models need the former.
    crop_size: { shortest_edge: read.edge("crop_size", size) },
    size_divisor: read.integer("size_divisor", 1, maxEdge),
    resample: read.filter("resample"),
    rescale_factor: read.number("rescale_factor"),
    image_mean: read.channels("image_mean"),
    image_std: read.channels("image_std"),
    ...read.geometry(),
  };
  if (settings.do_resize && size < settings.size_divisor) {
    throw new InputError({
      code: "invalid-config",
      where: `${where}: size`,
      expected: `at least size_divisor (${settings.size_divisor}): resized sides are multiples of it`,
      found: `${size}`,
      hint: "Correct one of the two",
    });
  }
  const zero = settings.image_std.findIndex((deviation) => Math.fround(deviation) === 0);
  if (settings.do_normalize && zero >= 0) {
    throw new InputError({
      code: "invalid-config",
      where: `${where}: image_std`,
      expected: "standard deviations other than 0",
      found: `0 at entry ${zero}`,
    });
  }
  return settings;
}

type Key = keyof ImageSettings;

/** Reads single keys, with their defaults; null counts as missing, as in transformers. */
class SettingsReader {
  constructor(
    private readonly json: JsonObject,
    private readonly where: string,
  ) {}

  flag(key: Key): boolean {
    const value = this.value(key);
    return typeof value === "boolean" ? value : this.wrong(key, "true or false", value);
  }

  number(key: Key): number {
    const value = this.value(key);
    return isFiniteNumber(value) ? value : this.wrong(key, "a number", value);
  }

  integer(key: Key, min: number, max: number): number {
    const value = this.value(key);
    const fits = isFiniteNumber(value) && Number.isInteger(value) && value >= min && value <= max;
    return fits ? value : this.wrong(key, `a whole number from ${min} to ${max}`, value);
  }

  /** `288`, `{"shortest_edge": 288}` or `{"height": 288, "width": 288}`. */
  edge(key: Key, fallback?: number): number {
    const value = this.value(key, fallback);
    const edge = isObject(value)
      ? (value.shortest_edge ?? (value.height === value.width ? value.height : undefined))
      : value;
    const fits = isFiniteNumber(edge) && Number.isInteger(edge) && edge >= 1 && edge <= maxEdge;
    const expected = `a whole number of pixels from 1 to ${maxEdge}, or {"shortest_edge": such a number}`;
    return fits ? edge : this.wrong(key, expected, isObject(value) && edge !== undefined ? edge : value);
  }

  filter(key: Key): ResampleFilter {
    const value = this.value(key);
    const known = Object.values(resampleFilters).find((filter) => filter === value);
    return known ?? this.wrong(key, "a filter of Pillow, 0 to 5 (3 is bicubic)", value);
  }

  /** Three numbers, or one for all channels. */
  channels(key: Key): ChannelValues {
    const value = this.value(key);
    if (isFiniteNumber(value)) return [value, value, value];
    const list: readonly unknown[] = Array.isArray(value) ? value : [];
    const [red, green, blue] = list;
    const fits = list.length === 3 && isFiniteNumber(red) && isFiniteNumber(green) && isFiniteNumber(blue);
    return fits ? [red, green, blue] : this.wrong(key, "three numbers (red, green, blue)", value);
  }

  geometry(): Pick<ImageSettings, "geometry"> {
    const value = this.value("geometry");
    if (value === undefined) return {};
    const geometry = geometries.find((known) => known === value);
    return { geometry: geometry ?? this.wrong("geometry", `one of ${geometries.join(", ")}`, value) };
  }

  private value(key: Key, fallback: unknown = defaultImageSettings[key]): unknown {
    return (Object.hasOwn(this.json, key) ? this.json[key] : undefined) ?? fallback;
  }

  private wrong(key: Key, expected: string, value: unknown): never {
    const hint = "Correct it, or remove it to get the default";
    throw new InputError({
      code: "invalid-config",
      where: `${this.where}: ${key}`,
      expected,
      found: describe(value),
      hint,
    });
  }
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
