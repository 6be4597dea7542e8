/** What a checkpoint is worth on a data set: accuracies, losses, scores, recalls. */
export { evaluate, type EvaluationResult, type EvaluationSettings } from "./evaluate.js";
export type { VqaPrediction } from "./judges/questions.js";
export { metrics, needsOf, rankings, requireTexts, type Metric, type RankBy } from "./metrics.js";
export type { PictureTransform, SkippedPicture } from "./pictures.js";
export { submissionName, writeResults } from "./write-results.js";
