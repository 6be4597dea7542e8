/**
 * One training step: batches, losses and gradients, the optimizer; first values from other checkpoints, and saving.
 * @module
 */
export { parameterList, parseConfig, type Head } from "../model/index.js";
export { objectiveWeights, type Batch, type ObjectiveWeights } from "./batch.js";
export type { Sample, SampleImage, TokenIds } from "./collate-sample.js";
export { textBuckets, tokenizerMasking } from "./collate-tokens.js";
export { collate, itmLabels, type CollateOptions } from "./collate.js";

export { Learner, type LearnerSettings, type StepReport } from "./learner.js";
export { maskTokens, type Masking } from "./masking.js";
export { matching } from "./name-patterns.js";
export { NonFiniteError, optimizerSettings, type OptimizerSettings } from "./optimizer/index.js";
export { Random } from "../random/index.js";

export { processorFiles, saveCheckpoint, tokenizerFiles, type SavedCheckpoint } from "../checkpoint/index.js";
export * from "../conversion/index.js";
export type { ObjectiveReport, Recompute, Reports } from "./step-graph.js";
