/**
 * Training runs: data, presets, checkpoints, logs and validation around the steps of `bridgetower/learner`.
 * @module
 */
export {
  curves,
  linearRange,
  plots,
  progressText,
  readLog,
  svgText,
  type Axis,
  type AxisRange,
  type LogRecord,
  type Panel,
  type Plot,
  type Point,
  type StepProgress,
} from "./logs/index.js";
export { presets, type Preset, type PresetName, type PresetSettings } from "./presets.js";
export { train, type LogLine, type TrainOptions, type TrainResult } from "./run.js";
export { assign } from "./assign.js";
export {
  trainingSettings,
  type DatasetInput,
  type SettingsFile,
  type TrainingInput,
  type TrainingSettings,
} from "./run-settings.js";
export type { Results } from "./objective-data.js";
