/**
 * BridgeTower in TypeScript: match pictures with texts, fill masks, embed pictures, texts and pairs.
 * @module
 */
export { InputError, type Problem } from "./errors.js";
export { HostTensor, type DType } from "./graph/index.js";
export type { BridgeTowerConfig, TextConfig, VisionConfig } from "./model/index.js";
export type { Picture } from "./processing/index.js";
export { devices, type Device } from "./runtime/index.js";
export * from "./tasks/index.js";
