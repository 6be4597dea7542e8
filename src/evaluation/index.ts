/** What a checkpoint is worth on a data set: accuracies, losses, scores, recalls. */
export { evaluate, type EvaluationResult, type EvaluationSettings } from "./evaluate-model.js";
export type { VqaPrediction } from "./metrics/questions.js";
export { metrics, needsOf, rankings, requireTexts, type Metric, type RankBy } from "./metric-requirements.js";
export type { ImageTransform, SkippedImage } from "./image-reader.js";
export { submissionName, writeResults } from "./write-results.js";
