/** Dropout, whose randomness is an input of the graph, so that a step can be repeated bit for bit. */
import { dropBytes, type Tensor } from "../graph/index.js";
import type { Scope } from "./scope.js";

/**
 * While training, sets each element to 0 with probability `rate`, rounded to whole 256ths, and scales the others so that the
 * mean stays; otherwise x itself. [...] -> the same
 */
export function dropout(p: Scope, x: Tensor, rate: number): Tensor {
  const dropped = Math.min(Math.round(rate * 256), 255);
  if (dropped === 0) return x;
  const bytes = p.randomBytes(x.shape);
  return bytes === undefined ? x : dropBytes(x, bytes, dropped);
}
