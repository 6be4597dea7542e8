import type { Random } from "../../random/index.js";
import type { Box } from "./crop.js";
import { roundHalfEven } from "./round-half-even.js";

/** What the transforms draw with. */
export type Source = Pick<Random, "uniform" | "below">;

const attempts = 10;
const ratios = [3 / 4, 4 / 3] as const;

/**
 * A box of an area uniform between `smallest` and 1 of the image's and of an aspect ratio log-uniform between 3/4 and
 * 4/3, anywhere in the image. After ten that do not fit, the largest box of such a ratio in the middle.
 * torchvision 0.12, `RandomResizedCrop.get_params`.
 */
export function randomCrop(width: number, height: number, smallest: number, random: Source): Box {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const area = width * height * between(smallest, 1, random.uniform());
    const ratio = Math.exp(between(Math.log(ratios[0]), Math.log(ratios[1]), random.uniform()));
    const boxWidth = roundHalfEven(Math.sqrt(area * ratio));
    const boxHeight = roundHalfEven(Math.sqrt(area / ratio));
    if (boxWidth > 0 && boxWidth <= width && boxHeight > 0 && boxHeight <= height) {
      const top = random.below(height - boxHeight + 1);
      const left = random.below(width - boxWidth + 1);
      return { left, top, width: boxWidth, height: boxHeight };
    }
  }
  return middle(width, height);
}

const between = (low: number, high: number, part: number): number => low + part * (high - low);

function middle(width: number, height: number): Box {
  const boxWidth = width / height > ratios[1] ? roundHalfEven(height * ratios[1]) : width;
  const boxHeight = width / height < ratios[0] ? roundHalfEven(width / ratios[0]) : height;
  const left = Math.floor((width - boxWidth) / 2);
  const top = Math.floor((height - boxHeight) / 2);
  return { left, top, width: boxWidth, height: boxHeight };
}
