/** A drawing of an art set as a sprite. */
import sharp from "sharp";
import { premultiply } from "../../src/sprites/index.js";
import type { Art } from "./art-sets.js";

/** Pixels that drawings are rendered at before they are cut to what can be seen of them. */
export const renderEdge = 192;

const nothing = { r: 0, g: 0, b: 0, alpha: 0 };

/**
 * Premultiplied RGBA, `edge` x `edge`: cut to what can be seen, fitted into the square and centred.
 * @param name what errors call it
 */
export async function renderSprite(art: Art, edge: number, name: string): Promise<Uint8Array> {
  const full =
    "svg" in art
      ? sharp(Buffer.from(art.svg))
      : sharp(art.file).resize(renderEdge, renderEdge, { fit: "contain", background: nothing });
  const { data, info } = await full.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const seen = visibleBox(data, width, height);
  if (seen.width <= 16) throw new Error(`${name}: hardly anything is drawn`);
  // Sharp premultiplies while it resizes and gives straight colours back.
  const fitted = await sharp(data, { raw: { width, height, channels: 4 } })
    .extract(seen)
    .resize(edge, edge, { fit: "contain", kernel: "lanczos3", background: nothing })
    .raw()
    .toBuffer();
  return premultiply(fitted);
}

/** The smallest box around all pixels of an opacity above 24 of 255. */
function visibleBox(data: Uint8Array, width: number, height: number) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3]! <= 24) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}
