/** Starting points of training runs, and conversion of other checkpoint layouts to model folders. */
export { cleanNames, reportNotes } from "./checkpoint-names.js";
export { convertCheckpoint, type Conversion, type ConvertOptions } from "./convert-checkpoint.js";
export { fileDecoderNote, keepsFileDecoder } from "./file-decoder.js";
export { initializer, type InitializationScheme } from "./initialize.js";
export type { LayoutName, Rule } from "./layouts.js";
export { openStart } from "./open-start.js";
export { classifierFields, type ConfigJson } from "./inferred-config.js";
export { preprocessorConfig, startingConfig } from "./starting-config.js";
export type { RuleUse, StartingTensor, StartingTensors } from "./starting-tensors.js";
export { startingValues, type StartingValues, type StartReport } from "./starting-values.js";
