/**
 * BridgeTower in TypeScript: match images with texts, fill masks, embed images, texts and pairs.
 * @module
 */
export { type ErrorCode, InputError, type InputProblem, errorCodes } from "./errors.js";
export { HostTensor, type DType } from "./graph/index.js";
export type { ActivationName, BridgeTowerConfig, TextConfig, VisionConfig } from "./model/index.js";
export type {
  BatchOptions,
  ChannelValues,
  EncodeOptions,
  Encoding,
  Geometry,
  ImageInput,
  ImageSettings,
  PixelBatch,
  RawImage,
  ResampleFilter,
  TextBatch,
  Tokenizer,
} from "./processing/index.js";
export type { HubOptions, HubProgress } from "./checkpoint/index.js";
export { devices, type Device } from "./runtime/index.js";
export {
  BridgeTower,
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerModel,
  BridgeTowerProcessor,
  defaultModel,
  exportOnnx,
  type Answer,
  type Attentions,
  type BatchOf,
  type BridgeTowerModelOutput,
  type BridgeTowerOptions,
  type ContrastiveOutput,
  type EmbeddingsOf,
  type Entailment,
  type ExportedFile,
  type FilledMask,
  type ForwardOptions,
  type HeadOutput,
  type HiddenStates,
  type Intermediates,
  type PretrainedModel,
  type LoadOptions,
  type MaskPrediction,
  type MatchScore,
  type ModelInputs,
  type ProcessOptions,
  type ImageOptions,
  type IndexedEmbedding,
  type Progress,
  type RunOptions,
  type TaskOptions,
  type TextOptions,
  type TopKOptions,
  type ResultsOf,
  type Task,
  type TasksOf,
} from "./inference/index.js";
