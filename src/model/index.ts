/** BridgeTower itself: config, towers, bridges, cross-modal encoder, heads and losses. Pure: no files, no runtime. */
export type { ActivationName } from "../nn/index.js";
export {
  bridgeTower,
  crossModalEncoder,
  imageEmbeddings,
  imageSide,
  pooled,
  textSide,
  type BridgeTowerInputs,
  type BridgeTowerOutputs,
  type EncoderOptions,
  type ImageType,
  type UniModalState,
} from "./bridgetower.js";
export {
  checkImageSize,
  classifierWidth,
  defaultLogitScale,
  jointForm,
  maxTextLength,
  nativeImage,
  patchesAlong,
  type BridgeTowerConfig,
  type ConfigNeed,
  type ImageSize,
  type TextConfig,
  type VisionConfig,
} from "./config.js";
export { parseConfig } from "./parse-config.js";
export { resizeStoredPositions } from "./position-table.js";
export type { HeadInputs, ShapeOf } from "./head-entry.js";
export { headEntry, heads, headsOf, headTable, tiedDecoder, type Head } from "./heads.js";
export { contrastiveBatch, jointContrastiveLoss, clampTemperature } from "./objectives/contrastive.js";
export {
  objectiveEntry,
  objectives,
  trainingGraph,
  type ObjectiveName,
  type ObjectiveUse,
  type ObjectiveUses,
  type TrainingGraph,
} from "./objectives/objectives.js";
export type { StackSizes } from "./objectives/stacked-towers.js";
export {
  headModules,
  headStart,
  isHeadParameter,
  parameterList,
  presentHeads,
  type ParameterList,
} from "./parameters.js";
