/** The transforms of the authors' training system by their names, each a row of stages. */
import type { HostTensor } from "../../graph/index.js";
import type { RawImage } from "../../processing/index.js";
import { type Colours, pixelValues } from "./pixel-values.js";
import type { Source } from "./random-resized-crop.js";
import {
  centreSquare,
  keepShape,
  maybeFlip,
  randAugment,
  randomAugment,
  randomSquare,
  type Stage,
  stretch,
} from "./stages.js";
import { applySteps, type Step } from "./steps.js";

const clipColours: Colours = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] };
const imagenetColours: Colours = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const evenColours: Colours = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

interface Recipe {
  readonly stages: readonly Stage[];
  readonly colours: Colours;
}

const recipes = {
  clip: { stages: [centreSquare], colours: clipColours },
  clip_randaug: { stages: [randAugment(9), centreSquare], colours: clipColours },
  imagenet: { stages: [centreSquare], colours: imagenetColours },
  imagenet_randaug: { stages: [randAugment(9), centreSquare], colours: imagenetColours },
  vit: { stages: [centreSquare], colours: evenColours },
  vit_randaug: { stages: [randAugment(9), centreSquare], colours: evenColours },
  pixelbert: { stages: [keepShape], colours: evenColours },
  pixelbert_randaug: { stages: [randAugment(9), keepShape], colours: evenColours },
  blip: { stages: [stretch], colours: clipColours },
  blip_randaug: { stages: [randomSquare(0.5), maybeFlip, randomAugment(5)], colours: clipColours },
  blip_randaug_pretrain: { stages: [randomSquare(0.2), maybeFlip, randomAugment(5)], colours: clipColours },
  /** With colour changes. */
  blip_randaug_wc: { stages: [randomSquare(0.5), maybeFlip, randAugment(7)], colours: clipColours },
  /** Without horizontal flip, which would make answers about left and right wrong. */
  blip_randaug_wohf: { stages: [randomSquare(0.5), randomAugment(5)], colours: clipColours },
} as const satisfies Readonly<Record<string, Recipe>>;

export type TransformKey = keyof typeof recipes;

/** The names that recipes give as `train_transform_keys` and `val_transform_keys`. */
// Object.keys knows only strings; the table has no other keys than these.
export const transformKeys = Object.keys(recipes) as readonly TransformKey[];

export interface Transform {
  readonly key: TransformKey;
  /** The side of the square that the model sees, in pixels; for `pixelbert` the shorter side. */
  readonly image_size: number;
}

/** Whether the transform draws: others give the same for every stream. */
export function isSeeded(key: TransformKey): boolean {
  return recipes[key].stages.some(({ seeded }) => seeded);
}

/** What the transform does to an image of this size, every choice drawn. */
export function drawSteps(
  image: Pick<RawImage, "name" | "width" | "height">,
  { key, image_size }: Transform,
  random: Source,
): readonly Step[] {
  return recipes[key].stages.flatMap(({ steps }) => steps(image, image_size, random));
}

/**
 * The image as the model sees it in training. Same image, transform and stream, same bits.
 *
 * One departure: the `clip` keys of the original read images with their transparency and then show the hidden colours;
 * here transparency lies on white (`decodeImage`). Opaque images agree.
 * @returns [3, image_size, image_size]; for `pixelbert` [3, height, width], multiples of 32
 * @throws InputError a shape too extreme for the size
 */
export function transformImage(image: RawImage, transform: Transform, random: Source): HostTensor<"float32"> {
  const steps = drawSteps(image, transform, random);
  return pixelValues(applySteps(image, steps), recipes[transform.key].colours);
}
