/** All ops, by family: type rule, gradient rule and ONNX form of each are side by side. */
export * from "./elementwise.js";
export { gather, gatherElements, scatterElements, scatterRows } from "./indexing.js";
export { linear, matmul, swapLastAxes, type Transposes } from "./matmul.js";
export { concat, expand, pad, reshape, slice, transpose } from "./movement.js";
export {
  argMax,
  cumulativeSum,
  inverseStd,
  layerNormalization,
  logSumExp,
  softmax,
  standardize,
  sum,
  type ReduceOptions,
  type ReductionOp,
} from "./reduce.js";
