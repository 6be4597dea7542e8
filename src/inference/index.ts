/** Inference: the tasks of `BridgeTower`, and the classes named as in transformers. */
export { findAnswers, readAnswers } from "./answers.js";
export {
  BridgeTower,
  type BridgeTowerOptions,
  type EmbeddingsOf,
  type MatchScore,
  type IndexedEmbedding,
  type Progress,
  type ResultsOf,
  type TaskOptions,
  type TopKOptions,
} from "./bridgetower-tasks.js";
export type { Answer, Entailment } from "./classify.js";
export { exportOnnx, type ExportedFile } from "./export-onnx.js";
export type { FilledMask, MaskPrediction } from "./mask-predictions.js";
export {
  defaultModel,
  LoadedModel,
  loadOptions,
  prefetch,
  type ImageOptions,
  type LoadOptions,
  type OpenOptions,
  type RunOptions,
  type States,
  type TextOptions,
} from "./loaded-model.js";
export type { ModelInputs } from "./model-inputs.js";
export type { Part, Task, TasksOf } from "./parts.js";
export {
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerModel,
  PretrainedModel,
  type Attentions,
  type BridgeTowerModelOutput,
  type ContrastiveOutput,
  type ForwardOptions,
  type HeadOutput,
  type HiddenStates,
  type Intermediates,
} from "./transformers-classes.js";
export { batchOf, chunksOfEqualLength, type Tokens } from "./text-chunks.js";
export { BridgeTowerProcessor, type BatchOf, type ProcessOptions } from "./bridgetower-processor.js";
