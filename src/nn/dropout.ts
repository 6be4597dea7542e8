/** Dropout, whose randomness is an input of the graph, so that a step can be repeated bit for bit. */
import { dropoutMask, type Dim, type Tensor } from "../graph/index.js";
import type { Scope } from "./scope.js";

/** Multiplies each element by its entry of a sampled mask: the same mask in each call. */
export type DropoutMask = (x: Tensor) => Tensor;

/**
 * A dropout mask, an input of random bytes of this shape: 0 with probability `rate`, rounded to whole 256ths, otherwise the
 * factor that keeps the mean. `undefined` if the rate is 0 or the model is not in training.
 */
export function sampleDropout(p: Scope, shape: readonly Dim[], rate: number): DropoutMask | undefined {
  const dropped = Math.min(Math.round(rate * 256), 255);
  const bytes = dropped === 0 ? undefined : p.randomBytes(shape);
  return bytes && ((x) => dropoutMask(x, bytes, dropped));
}

/** While training, x with a newly sampled dropout mask; otherwise x itself. [...] -> [...] */
export const dropout = (p: Scope, x: Tensor, rate: number): Tensor => sampleDropout(p, x.shape, rate)?.(x) ?? x;
