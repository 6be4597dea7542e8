/** Decoded images, and how samples of each colour layout become RGB: to the bit as Pillow does it. */

/** A decoded image: 8-bit RGB, 3 bytes a pixel, row-major. */
export interface RawImage {
  /** What errors call it; its place in the batch unless given. */
  readonly name?: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Samples as a decoder gives them: interleaved, `channels` a pixel, 8 or 16 bits each. */
export interface Samples {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** `cmyk`: four inks, 0 is none; otherwise grey, grey + alpha, RGB or RGB + alpha, by the number of channels. */
  readonly layout: "cmyk" | "grey or rgb";
  readonly values: Uint8Array | Uint16Array;
}

/**
 * The RGB image of raw samples. Transparency is composited on white, 16-bit greyscale is scaled (value / 257, rounded),
 * other 16-bit samples keep their high byte, CMYK follows Pillow's `convert("RGB")`.
 */
export function rawImageOf(samples: Samples): RawImage {
  const { width, height, channels, layout } = samples;
  const values = eightBit(samples);
  if (layout === "cmyk") return { width, height, data: rgbFromCmyk(values) };
  if (channels === 3) return { width, height, data: values };
  const grey = channels < 3;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += channels, to += 3) {
    const alpha = channels % 2 === 0 ? values[from + channels - 1]! : 255;
    for (let c = 0; c < 3; c++) data[to + c] = onWhite(values[grey ? from : from + c]!, alpha);
  }
  return { width, height, data };
}

function eightBit({ values, channels }: Samples): Uint8Array {
  if (values instanceof Uint8Array) return values;
  const scaled = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Pillow reads 16-bit grey as 16 bits but keeps the high byte of LA, RGB and RGBA.
    scaled[i] = channels === 1 ? Math.floor((value + 128) / 257) : value >> 8;
  }
  return scaled;
}

/** `value` at opacity `alpha` over white, rounded as Pillow's `Image.alpha_composite` rounds (7 extra bits, then / 255). */
function onWhite(value: number, alpha: number): number {
  const sum = (value * alpha + 255 * (255 - alpha) + 128) << 7;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

/** Pillow's CMYK to RGB: 255 - K - C·(255 - K) / 255 with its rounding, clipped at 0. */
function rgbFromCmyk(values: Uint8Array): Uint8Array {
  const data = new Uint8Array((values.length / 4) * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    const light = 255 - values[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = values[from + c]! * light + 128;
      data[to + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return data;
}
