/** Training: where a run starts from, losses and gradients, the optimizer, and the folders that are written. */
export type { Batch, ObjectiveWeights } from "./batch.js";
export { Learner, type LearnerSettings, type StepReport } from "./learner.js";
export { optimizerSettings, type OptimizerSettings } from "./optimizer/index.js";
export { Random } from "./random/index.js";
export { processorFiles, saveCheckpoint, tokenizerFiles, type SavedCheckpoint } from "./save-checkpoint.js";
export * from "./start/index.js";
export type { ObjectiveReport, Reports } from "./step-graph.js";
