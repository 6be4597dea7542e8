/**
 * One training step: batches, losses and gradients, the optimizer; first values from other checkpoints, and saving.
 * @module
 */
export { parameterList, parseConfig, type Head, type ObjectiveName, type ParameterList } from "../model/index.js";
export type { Batch, ObjectiveWeights } from "./batch.js";
export { collate } from "./collate.js";
export { textBuckets, type CollateOptions } from "./collation.js";
export type { ObjectiveReport, Recompute, Reports } from "./compiled-step.js";

export {
  Learner,
  type LearnerCallOptions,
  type LearnerSettings,
  type LearnerState,
  type StepReport,
} from "./learner.js";
export { maskTokens, tokenizerMasking, type MaskedRow, type Masking } from "./masking.js";
export {
  NonFiniteError,
  optimizerSettingNames,
  optimizerSettings,
  type AdamWForm,
  type GroupSettings,
  type OptimizerSettings,
  type ParameterState,
  type ScheduleSettings,
} from "./optimizer/index.js";
export type { Sample, SampleImage, TokenIds } from "./sample.js";
export { Random } from "../random/index.js";

export {
  processorFiles,
  saveCheckpoint,
  tokenizerFiles,
  type SavedCheckpoint,
  type WeightDType,
  type WritableTensor,
} from "../checkpoint/index.js";
export {
  convertCheckpoint,
  initializer,
  openStart,
  preprocessorConfig,
  startingConfig,
  startingValues,
  type ConfigJson,
  type Conversion,
  type ConvertOptions,
  type InitializationScheme,
  type LayoutName,
  type Rule,
  type RuleUse,
  type StartingTensor,
  type StartingTensors,
  type StartingValues,
  type StartReport,
} from "../conversion/index.js";
