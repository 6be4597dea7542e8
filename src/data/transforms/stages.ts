/** The stages of a transform. Each samples its random choices and returns them as steps, see `steps.ts`. */
import { type RawImage, roundHalfEven, torchvisionSize } from "../../processing/index.js";
import { opencvAugmentation, pillowAugmentation, type RandomSource } from "./augmentations.js";
import type { Box, Step } from "./steps.js";

/**
 * The steps for an image of this size. Stages that need the size come before those that change it.
 * @param side the side of the square that the model sees, in pixels
 */
export type Stage = (
  image: Pick<RawImage, "name" | "width" | "height">,
  side: number,
  random: RandomSource,
) => readonly Step[];

/**
 * The shorter side to `side`, the longer in proportion, then a center crop. torchvision 0.12, `Resize` and
 * `CenterCrop`: the longer side is truncated, the margin is rounded half to even.
 */
export const resizeCenterCrop: Stage = (image, side) => {
  const resized = torchvisionSize(image, side, image.name ?? "image");
  const left = roundHalfEven((resized.width - side) / 2);
  const top = roundHalfEven((resized.height - side) / 2);
  return [
    { step: "resize", ...resized },
    { step: "crop", left, top, width: side, height: side },
  ];
};

/** To a square. The aspect ratio is not kept. */
export const resizeSquare: Stage = (_, side) => [{ step: "resize", width: side, height: side }];

/** A random crop of at least `minArea` (0..1) of the image's area, resized to a square. */
export const randomResizedCrop =
  (minArea: number): Stage =>
  ({ width, height }, side, random) => [
    { step: "crop", ...sampleCrop(width, height, minArea, random) },
    { step: "resize", width: side, height: side },
  ];

/** Flipped left to right with probability 1/2. */
export const randomHorizontalFlip: Stage = (_, __, random) => (random.uniform() < 0.5 ? [{ step: "flip" }] : []);

/** RandAugment: two Pillow operations. @param magnitude strength, 0..30 */
export const randAugment =
  (magnitude: number): Stage =>
  (_, __, random) =>
    pillowAugmentation(2, magnitude, random);

/** BLIP's RandomAugment: up to two OpenCV operations. @param level strength, 0..10 */
export const randomAugment =
  (level: number): Stage =>
  (_, __, random) =>
    opencvAugmentation(2, level, random);

const maxAttempts = 10;
const ratios = [3 / 4, 4 / 3] as const;

/**
 * A box with an area uniform between `minArea` and 1 of the image's and an aspect ratio log-uniform between 3/4 and 4/3, anywhere in
 * the image. After ten boxes that do not fit, the largest centered box with such a ratio.
 * torchvision 0.12, `RandomResizedCrop.get_params`.
 */
export function sampleCrop(width: number, height: number, minArea: number, random: RandomSource): Box {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const area = width * height * between(minArea, 1, random.uniform());
    const ratio = Math.exp(between(Math.log(ratios[0]), Math.log(ratios[1]), random.uniform()));
    const boxWidth = roundHalfEven(Math.sqrt(area * ratio));
    const boxHeight = roundHalfEven(Math.sqrt(area / ratio));
    if (boxWidth > 0 && boxWidth <= width && boxHeight > 0 && boxHeight <= height) {
      const top = random.below(height - boxHeight + 1);
      const left = random.below(width - boxWidth + 1);
      return { left, top, width: boxWidth, height: boxHeight };
    }
  }
  return centeredBox(width, height);
}

const between = (low: number, high: number, part: number): number => low + part * (high - low);

function centeredBox(width: number, height: number): Box {
  const boxWidth = width / height > ratios[1] ? roundHalfEven(height * ratios[1]) : width;
  const boxHeight = width / height < ratios[0] ? roundHalfEven(width / ratios[0]) : height;
  const left = Math.floor((width - boxWidth) / 2);
  const top = Math.floor((height - boxHeight) / 2);
  return { left, top, width: boxWidth, height: boxHeight };
}
