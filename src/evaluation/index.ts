/**
 * Evaluates a checkpoint on a data set: accuracies, losses, scores, recalls.
 * @module
 */
export { evaluate, type EvaluateOptions, type EvaluationResult } from "./evaluate-model.js";
export type { VqaPrediction } from "./metrics/questions.js";
export { metrics, rankings, type Metric, type RankBy } from "./metric-table.js";
export type { ImageTransform, SkippedImage } from "./image-reader.js";
export type { Chunks } from "./retrieval/fused-scores.js";
export { writeResults } from "./write-results.js";
