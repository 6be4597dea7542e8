/** Layers as functions of a scope, whose parameters have the names that PyTorch gives them. */
import { gather, layerNormalization, linear as linearOp, type Tensor } from "../graph/index.js";
import type { Scope } from "./scope.js";

/** y = x Wᵀ + b with `weight` [outputs, inputs] and `bias` [outputs]. [..., inputs] -> [..., outputs] */
export function linear(p: Scope, x: Tensor, outputs: number): Tensor {
  return linearOp(x, p.parameter("weight", [outputs, widthOf(x)]), p.parameter("bias", [outputs]));
}

/** y = (x − mean) / √(var + ε) · weight + bias over the last axis, biased variance. [..., hidden] -> the same */
export function layerNorm(p: Scope, x: Tensor, epsilon: number): Tensor {
  const width = widthOf(x);
  return layerNormalization(x, p.parameter("weight", [width]), p.parameter("bias", [width]), epsilon);
}

/** Rows of the table `weight` [rows, hidden]. int64 [...] -> [..., hidden] */
export function embedding(p: Scope, indices: Tensor, size: { rows: number; hidden: number }): Tensor {
  return gather(p.parameter("weight", [size.rows, size.hidden]), indices);
}

/** The size of the last axis, which every layer needs to know when the graph is built. */
export function widthOf(x: Tensor): number {
  const width = x.shape.at(-1);
  if (typeof width !== "number") throw new RangeError(`a layer needs a last axis of known size, got ${String(width)}`);
  return width;
}
