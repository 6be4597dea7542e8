/** Data sets for training and evaluation: readers, writers, transforms, and the threads that make images ready. */
export type {
  AnswerScore,
  Dataset,
  Hypothesis,
  Negative,
  ImageSource,
  Question,
  RowTexts,
  Statement,
  TextKind,
} from "./dataset.js";
export { type ImageJob, ImageThreads, type ImageThreadsOptions } from "./loader/image-threads.js";
export * from "./converters/index.js";
export * from "./scenes/index.js";
export * from "./readers/index.js";
export { type Transform, type TransformKey, transformImage, transformKeys } from "./transforms/transform-image.js";
export * from "./converters/vqa/index.js";
