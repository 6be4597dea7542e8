/** Compiled graphs on ONNX Runtime. Knows neither checkpoints nor pictures: weights come by reference. */
export { CompiledGraph, type CompileOptions, type WeightLookup } from "./compiled-graph.js";
