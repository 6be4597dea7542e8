/** Logs of a run: `log.jsonl`, TensorBoard events, curves, and a line for the terminal. */
export { curves, type Panel, type Point, writeCurves } from "./curves.js";
export { type Axis, type AxisRange, linearRange, logRange, type Plot, plots, svgText } from "./plot.js";
export { durationText, progressText, type StepProgress } from "./progress-text.js";
export { readLog, RunLog, type LogRecord } from "./run-log.js";
export { TensorBoardWriter } from "./tensorboard-writer.js";
