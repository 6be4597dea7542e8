/** Pillow's operations that change each level by itself (`ImageOps.py`, version 13), to the bit. */
import type { Picture } from "../../processing/index.js";
import { applyTable, levelTable, stretched } from "./image-levels.js";

/** Each channel stretched so that its darkest level becomes 0 and its lightest 255. */
export const autoContrast = (picture: Picture): Picture => stretched(picture, (lowest) => -lowest);

/** Only the highest `bits` bits of each level; cut to a whole number, at least 1. */
export function posterize(picture: Picture, bits: number): Picture {
  const mask = 0xff << (8 - Math.max(1, Math.trunc(bits)));
  return applyTable(
    picture,
    levelTable((i) => i & mask),
  );
}

/** Levels from `threshold` on inverted. */
export function solarize(picture: Picture, threshold: number): Picture {
  return applyTable(
    picture,
    levelTable((i) => (i < threshold ? i : 255 - i)),
  );
}

/** `addition` added to each level, cut to 0..255, then levels from 128 on inverted. */
export function solarizeAdd(picture: Picture, addition: number): Picture {
  const table = levelTable((i) => i + addition);
  return applyTable(
    picture,
    table.map((level) => (level < 128 ? level : 255 - level)),
  );
}
