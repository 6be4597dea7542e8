/** Finds scenes whose things cannot be seen, such as a ghost on white. Test splits omit them. */
import { colors } from "./backgrounds/background.js";
import type { Layout } from "./layout.js";
import type { Sprites } from "./sprites/index.js";

/** Whether each thing differs from a plain background in more than a tenth of its pixels. */
export function isVisible({ facts, placed }: Layout, { levels }: Sprites): boolean {
  const { background } = facts;
  if (background.type !== "color") return true;
  const color = colors[background.color];
  // The smallest copies are large enough for this.
  const { edge, pixels } = levels.at(-1)!;
  const area = edge * edge * 4;
  return placed.every(({ sprite }) => {
    let [opaque, distinct] = [0, 0];
    for (let i = sprite.image * area; i < (sprite.image + 1) * area; i += 4) {
      if (pixels[i + 3]! < 200) continue;
      opaque++;
      const distance = (c: 0 | 1 | 2) => Math.abs(pixels[i + c]! - color[c]);
      if (Math.max(distance(0), distance(1), distance(2)) > 48) distinct++;
    }
    return distinct > opaque / 10;
  });
}
