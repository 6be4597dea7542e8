/** What a run tells: its log, TensorBoard's events, curves, and a line for the terminal. */
export { linearRange, logRange } from "./axis.js";
export { curves, type Panel, type Point } from "./chart.js";
export { plots, text, type Axis, type Plot } from "./plot.js";
export { durationText, progressText, type StepProgress } from "./progress-text.js";
export { readLog, RunLog, type LogRecord } from "./run-log.js";
export { TensorBoardWriter } from "./tensorboard-writer.js";
export { writeCurves } from "./write-curves.js";
