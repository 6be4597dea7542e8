/** The transforms of the authors' training code by name. Each is a list of stages and a normalization. */
import { InputError, nearestHint } from "../../errors.js";
import type { HostTensor } from "../../graph/index.js";
import {
  defaultImageSettings,
  type ImageSettings,
  type LevelValues,
  type RawImage,
  Uint8Pixels,
} from "../../processing/index.js";
import type { RandomSource } from "./augmentations.js";
import {
  randAugment,
  randomAugment,
  randomHorizontalFlip,
  randomResizedCrop,
  resizeCenterCrop,
  resizeSquare,
  type Stage,
} from "./stages.js";
import { applySteps, type Step } from "./steps.js";

/** Mean and standard deviation of red, green and blue, for values in 0..1. */
interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly levelValues: LevelValues;
}

const clipNormalization = normalization(defaultImageSettings.image_mean, defaultImageSettings.image_std);
const imagenetNormalization = normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const evenNormalization = normalization([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);

interface Pipeline {
  readonly stages: readonly Stage[];
  readonly normalization: Normalization;
}

const transforms = {
  clip: { stages: [resizeCenterCrop], normalization: clipNormalization },
  clip_randaug: { stages: [randAugment(9), resizeCenterCrop], normalization: clipNormalization },
  imagenet: { stages: [resizeCenterCrop], normalization: imagenetNormalization },
  imagenet_randaug: { stages: [randAugment(9), resizeCenterCrop], normalization: imagenetNormalization },
  vit: { stages: [resizeCenterCrop], normalization: evenNormalization },
  vit_randaug: { stages: [randAugment(9), resizeCenterCrop], normalization: evenNormalization },
  blip: { stages: [resizeSquare], normalization: clipNormalization },
  blip_randaug: {
    stages: [randomResizedCrop(0.5), randomHorizontalFlip, randomAugment(5)],
    normalization: clipNormalization,
  },
  blip_randaug_pretrain: {
    stages: [randomResizedCrop(0.2), randomHorizontalFlip, randomAugment(5)],
    normalization: clipNormalization,
  },
  /** With changes of color. */
  blip_randaug_wc: {
    stages: [randomResizedCrop(0.5), randomHorizontalFlip, randAugment(7)],
    normalization: clipNormalization,
  },
  /** Without horizontal flip, which would make answers about left and right wrong. */
  blip_randaug_wohf: { stages: [randomResizedCrop(0.5), randomAugment(5)], normalization: clipNormalization },
} as const satisfies Readonly<Record<string, Pipeline>>;

export type TransformKey = keyof typeof transforms;

/** The names of the transforms: values of the settings `train_transform` and `val_transform`. */
// Object.keys is typed as strings; the table has only these keys.
export const transformKeys = Object.keys(transforms) as readonly TransformKey[];

/** A transform and the size of its result. */
export interface Transform {
  readonly key: TransformKey;
  /** The side of the square that the model sees, in pixels. */
  readonly image_size: number;
}

/**
 * Image settings of a model folder with which inference prepares images as this transform does, bit for bit. Those of a random transform
 * leave the random changes out.
 * @internal
 */
export function transformSettings({ key, image_size }: Transform): Partial<ImageSettings> {
  const { stages, normalization } = transforms[key];
  const crops = (stages as readonly Stage[]).includes(resizeCenterCrop);
  return {
    size: { shortest_edge: image_size },
    crop_size: { shortest_edge: image_size },
    // For other readers: sides are not cut to multiples.
    size_divisor: 1,
    image_mean: normalization.mean,
    image_std: normalization.std,
    geometry: crops ? "torchvision" : "square",
  };
}

/** The steps of the transform for an image of this size, with all random choices sampled. */
export function sampleSteps(
  image: Pick<RawImage, "name" | "width" | "height">,
  { key, image_size }: Transform,
  random: RandomSource,
): readonly Step[] {
  if (!Object.hasOwn(transforms, key)) {
    throw new InputError({
      code: "invalid-argument",
      where: "transform key",
      expected: `one of ${transformKeys.join(", ")}`,
      found: JSON.stringify(key),
      hint: nearestHint(key, transformKeys),
    });
  }
  const stages: readonly Stage[] = transforms[key].stages;
  return stages.flatMap((stage) => stage(image, image_size, random));
}

/**
 * The image as `pixel_values` of the model. The same image, transform and stream give the same bits.
 *
 * One difference from the authors' code: its `clip` transforms ignore the alpha channel and show the colors of transparent pixels. Here
 * transparency is composited on white. Opaque images agree.
 * @param random where random transforms sample from; it is not used by `clip`, `imagenet`, `vit` and `blip`
 * @returns [3, image_size, image_size]
 * @throws InputError `invalid-argument` for an unknown transform, `image-too-large` for an extreme aspect ratio
 * @example
 * const image = { width: 2, height: 2, data: new Uint8Array(12).fill(255) };
 * const random = { uniform: Math.random, below: (n: number) => Math.floor(n * Math.random()) };
 * const pixels = await transformImage(image, { key: "blip_randaug", image_size: 4 }, random);
 * console.log(pixels.shape); // [ 3, 4, 4 ]
 */
export async function transformImage(
  image: RawImage,
  transform: Transform,
  random: RandomSource,
): Promise<HostTensor<"float32">> {
  return (await transformToLevels(image, transform, random)).normalised();
}

/** `transformImage` before normalisation. */
export async function transformToLevels(
  image: RawImage,
  transform: Transform,
  random: RandomSource,
): Promise<Uint8Pixels> {
  const { width, height, data } = await applySteps(image, sampleSteps(image, transform, random));
  const size = width * height;
  const levels = new Uint8Array(3 * size);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = channel * size, from = channel; from < data.length; i++, from += 3) levels[i] = data[from]!;
  }
  return new Uint8Pixels([3, height, width], levels, levelValues(transform));
}

/** The values that the model sees for each level after the transform. */
export const levelValues = ({ key }: Transform): LevelValues => transforms[key].normalization.levelValues;

/** (level / 255 - mean) / std, rounded to float32 at each step like PyTorch. */
function normalization(mean: Normalization["mean"], std: Normalization["std"]): Normalization {
  const levelValues = mean.map((center, channel) =>
    Float32Array.from(
      { length: 256 },
      (_, level) => Math.fround(Math.fround(level / 255) - Math.fround(center)) / Math.fround(std[channel]!),
    ),
  );
  return { mean, std, levelValues };
}
