/** Typed tensor graphs: build them with ops, differentiate them, print them, write them as ONNX. @module */
export { dtypes, elementCount, type ArrayOf, type DType, type ElementArrays } from "./dtype.js";
export { gradients } from "./gradients.js";
export { HostTensor, toFloat32 } from "./host-tensor.js";
export {
  writeOnnx,
  writeTrainingOnnx,
  type LocatedTensor,
  type OnnxModel,
  type OnnxOptions,
  type ParameterView,
  type TrainingModel,
} from "./onnx/writer.js";
export * from "./ops/index.js";
export type { Emitter, OnnxAttribute } from "./onnx/emitter.js";
export type { TensorBytes } from "./onnx/proto.js";
export { parameterGradients, type GradientPart } from "./parameter-gradients.js";
export { recompute } from "./recompute.js";
export { printGraph } from "./print.js";
export { sameShape } from "./shape.js";
export type { FileRange, StoredTensor } from "./stored-tensor.js";
export {
  constant,
  defineOp,
  formatType,
  input,
  parametersOf,
  shapeError,
  topologicalOrder,
  withGradient,
  type Attributes,
  type AttributeValue,
  type Constant,
  type CustomGradient,
  type Dim,
  type GradientArguments,
  type Input,
  type OnnxArguments,
  type Op,
  type Operation,
  type OpRules,
  type Parameter,
  type Tensor,
  type TensorType,
} from "./tensor.js";
