/** Compiled graphs on ONNX Runtime. Knows neither checkpoints nor pictures: weights come by reference. */
export { CompiledGraph, devices, type CompileOptions, type Device, type WeightLookup } from "./compiled-graph.js";
