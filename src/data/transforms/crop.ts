import type { RawImage } from "../../processing/index.js";

/** A part of an image, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The part of the image in the box, which lies inside it. */
export function crop(image: RawImage, { left, top, width, height }: Box): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const source = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(source, source + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** Left and right exchanged. */
export function flip({ width, height, data }: RawImage): RawImage {
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let from = (y + 1) * width * 3 - 3;
    for (let x = 0; x < width; x++, to += 3, from -= 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: out };
}
