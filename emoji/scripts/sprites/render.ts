/** Renders a drawing of an art set as a sprite. */
import sharp from "sharp";
import { premultiply } from "../../src/sprites/index.js";
import type { Art } from "./art-sets.js";

/** The size in pixels at which drawings are rendered before they are cropped to their visible part. */
export const renderEdge = 192;

const nothing = { r: 0, g: 0, b: 0, alpha: 0 };

/**
 * Premultiplied RGBA, `edge` x `edge`: cropped to the visible part, fitted into the square and centred.
 * @param name name of the drawing in errors
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
  // Sharp premultiplies while it resizes and returns straight colours.
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
