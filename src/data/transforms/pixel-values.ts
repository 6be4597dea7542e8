import { HostTensor } from "../../graph/index.js";
import type { RawImage } from "../../processing/index.js";

/** Mean and standard deviation of red, green and blue, of levels in 0..1. */
export interface Colours {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** (level / 255 - mean) / std, rounded to single precision at each step as PyTorch does. [3, height, width] */
export function pixelValues({ width, height, data }: RawImage, { mean, std }: Colours): HostTensor<"float32"> {
  const planes = HostTensor.zeros("float32", [3, height, width]);
  for (let channel = 0; channel < 3; channel++) {
    const table = valueTable(mean[channel]!, std[channel]!);
    const plane = planes.row(channel).data;
    for (let i = 0, from = channel; i < plane.length; i++, from += 3) plane[i] = table[data[from]!]!;
  }
  return planes;
}

function valueTable(mean: number, std: number): Float32Array {
  return Float32Array.from(
    { length: 256 },
    (_, level) => Math.fround(Math.fround(level / 255) - Math.fround(mean)) / Math.fround(std),
  );
}
