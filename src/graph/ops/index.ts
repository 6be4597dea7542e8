/** The table of all ops, by family: type rule, gradient rule and ONNX form stand side by side in each entry. */
import { elementwise } from "./elementwise.js";
import { indexing } from "./indexing.js";
import { matmulOps } from "./matmul.js";
import { movement } from "./movement.js";
import { reduce } from "./reduce.js";

export const ops = { ...elementwise, ...reduce, ...movement, ...matmulOps, ...indexing };
export type OpName = keyof typeof ops;

export * from "./elementwise.js";
export { gather, pick, place, scatterRows } from "./indexing.js";
export { type Transposes, linear, matmul, transposeMatrix } from "./matmul.js";
export { concat, expand, pad, reshape, slice, transpose } from "./movement.js";
export {
  argMax,
  cumulativeSum,
  inverseDeviation,
  layerNormalization,
  logSumExp,
  softmax,
  standardize,
  sum,
  type ReduceOptions,
} from "./reduce.js";
