import { tinyInput } from "../../fixtures/tiny-weights.js";
import { HostTensor } from "../graph/index.js";
import type { Batch } from "./batch.js";

const tokens = 7;

/** Pairs `from` to `to` of one batch of eight, for masked language modelling, matching and contrast with hard negatives. */
export function pairs(from: number, to: number): Batch {
  const count = to - from;
  const int64 = (shape: readonly number[], value: (flat: number) => number) =>
    new HostTensor(
      "int64",
      shape,
      BigInt64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => BigInt(value(i))),
    );
  const noise = (name: string) =>
    new HostTensor("float32", [count, count], tinyInput(`${name} ${from}`, [count, count]));
  const pair = (flat: number) => from + (Math.floor(flat / tokens) % count);
  const length = (flat: number) => 5 + (pair(flat) % 3);
  const place = (flat: number) => flat % tokens;
  const pixels = tinyInput("pixel_values", [8, 3, 32, 32]);
  const row = (flat: number) => flat;
  const token = (flat: number) => 3 + ((pair(flat) * 17 + place(flat) * 5 + (flat < count * tokens ? 0 : 31)) % 100);
  return {
    // The texts, then the same with masked tokens.
    input_ids: int64([2 * count, tokens], (i) => (place(i) < length(i) ? token(i) : 1)),
    attention_mask: int64([2 * count, tokens], (i) => (place(i) < length(i) ? 1 : 0)),
    pixel_values: new HostTensor("float32", [count, 3, 32, 32], pixels.slice(from * 3_072, to * 3_072)),
    mlm_texts: int64([count], (i) => count + i),
    mlm_images: int64([count], row),
    // One to three labels a text: micro-batches hold different numbers.
    mlm_labels: int64([count, tokens], (i) => (place(i) > 0 && place(i) <= 1 + (pair(i) % 3) ? 40 + pair(i) : -100)),
    itm_texts: int64([count], row),
    itm_images: int64([count], (i) => (i % 2 === 0 ? i : i - 1)),
    itm_labels: int64([count], (i) => 1 - (i % 2)),
    itc_texts: int64([count], row),
    itc_images: int64([count], row),
    itm_itc_image_noise: noise("image noise"),
    itm_itc_text_noise: noise("text noise"),
  };
}

/** The same, and the last four pairs are two of one image each. */
export const pairsOfImages = (from: number, to: number): Batch => ({
  ...pairs(from, to),
  itc_image_ids: new HostTensor(
    "int64",
    [to - from],
    BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i < 4 ? from + i : 4 + ((from + i) % 2))),
  ),
});
