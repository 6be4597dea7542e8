/** Data sets for training and evaluation: readers, writers, transforms, and the threads that make images ready. */
export type {
  AnswerScore,
  Dataset,
  Hypothesis,
  Negative,
  ImageSource,
  Question,
  ReadReport,
  RowTexts,
  Statement,
  TextKind,
} from "./dataset.js";
export type { CustomDataset, ModuleSource } from "./custom-dataset.js";
export { type ImageJob, ImageThreads, type ImageThreadsOptions } from "./loader/image-threads.js";
export type { LeftOut, PrepareReport, TableReport } from "./converters/converter.js";
export {
  prepareDataset,
  preparedSplits,
  type PrepareOptions,
  type PrepareProgress,
} from "./converters/prepare-dataset.js";
export type { ImageProblem } from "./converters/read-image.js";
export { type ColumnNames, type ColumnRole, columnRoles } from "./readers/column-roles.js";
export {
  type DatasetFormat,
  datasetFormats,
  type DatasetSettings,
  type OpenOptions,
} from "./readers/dataset-settings.js";
export { joinDatasets } from "./readers/join-datasets.js";
export { openDataset } from "./readers/open-dataset.js";
export { type LevelValues, Uint8Pixels } from "../processing/index.js";
export type { Label } from "../random/index.js";
export type { RandomSource } from "./transforms/augmentations.js";
export { type Transform, type TransformKey, transformImage, transformKeys } from "./transforms/transform-image.js";
