/**
 * Training runs: data, recipes, checkpoints, logs and validation around the steps of `bridgetower/learner`.
 * @module
 */
export { progressText, type StepProgress } from "./logs/index.js";
export { recipes, type Recipe, type RecipeName } from "./presets.js";
export { train, type LogLine, type TrainOptions, type TrainResult } from "./run.js";
export { assign } from "./assign.js";
export { settingsSchema, trainingSettings, type TrainingInput, type TrainingSettings } from "./run-settings.js";
export type { Results } from "./validation.js";
