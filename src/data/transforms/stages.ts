/** The stages that transforms are made of. Each turns its random choices into steps, see `steps.ts`. */
import { InputError } from "../../errors.js";
import { type RawImage, resizedSize } from "../../processing/index.js";
import { opencvAugmentation, pillowAugmentation } from "./augmentations.js";
import { randomCrop, type Source } from "./random-resized-crop.js";
import { roundHalfEven } from "./round-half-even.js";
import type { Step } from "./steps.js";

export interface Stage {
  /** Whether the steps depend on `random`. */
  readonly seeded: boolean;
  /**
   * The steps for an image of this size. Stages that look at the size come before any that change it.
   * @param side the side of the square that the model sees, in pixels
   */
  readonly steps: (image: Pick<RawImage, "name" | "width" | "height">, side: number, random: Source) => readonly Step[];
}

// As many as an image may have to be decoded: a line of pixels would become an image of gigabytes.
const maxResizedPixels = 100_000_000;

/**
 * The shorter side to `side`, the longer in proportion, then the square in the middle. torchvision 0.12, `Resize` and
 * `CenterCrop`: the longer side is cut to a whole number, the margin rounded to the nearest, the even one of two.
 */
export const centreSquare: Stage = {
  seeded: false,
  steps: ({ name, width, height }, side) => {
    const longer = Math.trunc((side * Math.max(width, height)) / Math.min(width, height));
    if (side * longer > maxResizedPixels) {
      throw new InputError({
        code: "image-too-large",
        where: name ?? "image",
        expected: `an image of at most ${maxResizedPixels} pixels when its shorter side has ${side}`,
        found: `${width} x ${height} pixels`,
        hint: "Crop the image to a less extreme shape",
      });
    }
    const resized = width <= height ? { width: side, height: longer } : { width: longer, height: side };
    const left = roundHalfEven((resized.width - side) / 2);
    const top = roundHalfEven((resized.height - side) / 2);
    return [
      { step: "resize", ...resized },
      { step: "crop", left, top, width: side, height: side },
    ];
  },
};

const sizeDivisor = 32;

/** The shorter side to `side`, the longer to at most 1333/800 of it, both cut to multiples of 32: ViLT's `MinMaxResize`. */
export const keepShape: Stage = {
  seeded: false,
  steps: (image, side) => {
    const settings = { size: { shortest_edge: side }, size_divisor: sizeDivisor };
    return [{ step: "resize", ...resizedSize(image, settings, image.name ?? "image") }];
  },
};

/** To a square; the aspect ratio is not kept. */
export const stretch: Stage = {
  seeded: false,
  steps: (_, side) => [{ step: "resize", width: side, height: side }],
};

/** A random part of at least `smallest` of the image's area, to a square. */
export function randomSquare(smallest: number): Stage {
  return {
    seeded: true,
    steps: ({ width, height }, side, random) => [
      { step: "crop", ...randomCrop(width, height, smallest, random) },
      { step: "resize", width: side, height: side },
    ],
  };
}

/** Left and right exchanged in every second image. */
export const maybeFlip: Stage = {
  seeded: true,
  steps: (_, __, random) => (random.uniform() < 0.5 ? [{ step: "flip" }] : []),
};

/** RandAugment: two operations of Pillow, of strength `magnitude` of 30. */
export function randAugment(magnitude: number): Stage {
  return { seeded: true, steps: (_, __, random) => pillowAugmentation(2, magnitude, random) };
}

/** BLIP's RandomAugment: up to two operations of OpenCV, of strength `level` of 10. */
export function randomAugment(level: number): Stage {
  return { seeded: true, steps: (_, __, random) => opencvAugmentation(2, level, random) };
}
