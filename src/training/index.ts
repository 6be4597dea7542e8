/**
 * Training: where a run starts from, losses and gradients, the optimizer, and the folders that are written.
 * @module
 */
export { parameterList, parseConfig, type Head } from "../model/index.js";
export { objectiveWeights, type Batch, type ObjectiveWeights } from "./batch.js";
export type { Sample, SamplePicture, TokenIds } from "./collate-sample.js";
export { textBuckets, tokenizerMasking } from "./collate-tokens.js";
export { collate, itmLabels, type CollateOptions } from "./collate.js";
export { initializer, type InitializationScheme } from "./initialize.js";
export { Learner, type LearnerSettings, type StepReport } from "./learner.js";
export { maskTokens, type Masking } from "./masking.js";
export { matching } from "./name-patterns.js";
export { NonFiniteError, optimizerSettings, type OptimizerSettings } from "./optimizer/index.js";
export { Random } from "../random/index.js";
export { processorFiles, saveCheckpoint, tokenizerFiles, type SavedCheckpoint } from "./save-checkpoint.js";
export * from "./start/index.js";
export type { ObjectiveReport, Recompute, Reports } from "./step-graph.js";
