/** `pixel_values` in 8 bits, in a quarter of the memory of float32. */
import { HostTensor } from "../graph/index.js";
import { yieldToEventLoop } from "../threads/index.js";

/** By channel, the normalised value of each of the 256 levels. */
export type LevelValues = readonly Float32Array[];

/**
 * Levels of red, green and blue, 0 to 255, of one image [3, height, width] or of several [images, 3, height, width], and the values that
 * the model sees for them.
 * @example
 * const levels = Uint8Array.of(0, 255, 128, 64, 32, 16); // two pixels: red, then green, then blue
 * const scaled = Float32Array.from({ length: 256 }, (_, level) => level / 255);
 * const pixels = new Uint8Pixels([3, 1, 2], levels, [scaled, scaled, scaled]);
 * console.log(await pixels.normalised().then((values) => values.at(0, 0, 1))); // 1
 */
export class Uint8Pixels extends HostTensor<"uint8"> {
  /** @param images number of images, whose rows come first. Other rows are padding. Default: all rows */
  constructor(
    shape: readonly number[],
    levels: Uint8Array<ArrayBuffer>,
    readonly levelValues: LevelValues,
    private readonly images = shape.length === 3 ? 1 : shape[0]!,
  ) {
    super("uint8", shape, levels);
  }

  /** The values that the model sees, of the same shape. Padding is 0. */
  async normalised(): Promise<HostTensor<"float32">> {
    const result = HostTensor.zeros("float32", this.shape);
    const [height, width] = this.shape.slice(-2);
    const size = height! * width!;
    for (let plane = 0; plane < this.images * 3; plane++) {
      await yieldToEventLoop();
      const values = this.levelValues[plane % 3]!;
      for (let i = plane * size, end = i + size; i < end; i++) result.data[i] = values[this.data[i]!]!;
    }
    return result;
  }
}
