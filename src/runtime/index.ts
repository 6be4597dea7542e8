/** Compiled graphs on ONNX Runtime. Knows neither checkpoints nor images: weights come by reference. */
export { GraphCache } from "./graph-cache.js";
export { TrainingGraph, type Arrays } from "./training-graph.js";
export { CompiledGraph } from "./compiled-graph.js";
export { devices, Runtime, type CompileOptions, type Device, type WeightLookup } from "./runtime.js";
