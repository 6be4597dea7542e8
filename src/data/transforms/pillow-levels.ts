/** Pillow's operations that change each level by itself (`ImageOps.py`, version 13), to the bit. */
import type { RawImage } from "../../processing/index.js";
import { applyTable, levelTable, stretched } from "./image-levels.js";

/** Each channel stretched so that its darkest level becomes 0 and its lightest 255. */
export const autoContrast = (image: RawImage): RawImage => stretched(image, (lowest) => -lowest);

/** Only the highest `bits` bits of each level; cut to a whole number, at least 1. */
export function posterize(image: RawImage, bits: number): RawImage {
  const mask = 0xff << (8 - Math.max(1, Math.trunc(bits)));
  return applyTable(
    image,
    levelTable((i) => i & mask),
  );
}

/** Levels from `threshold` on inverted. */
export function solarize(image: RawImage, threshold: number): RawImage {
  return applyTable(
    image,
    levelTable((i) => (i < threshold ? i : 255 - i)),
  );
}

/** `addition` added to each level, cut to 0..255, then levels from 128 on inverted. */
export function solarizeAdd(image: RawImage, addition: number): RawImage {
  const table = levelTable((i) => i + addition);
  return applyTable(
    image,
    table.map((level) => (level < 128 ? level : 255 - level)),
  );
}
