/** BridgeTower itself: config, towers, bridges, cross-modal encoder, heads and losses. Pure: no files, no runtime. */
export type { ActivationName } from "../nn/index.js";
export { bicubicWeights } from "./bicubic.js";
export { bridgeTower, type BridgeTowerInputs, type BridgeTowerOutputs, type Level, type Side } from "./bridgetower.js";
export {
  checkImageSize,
  defaultLogitScale,
  jointForm,
  maxTextLength,
  parseConfig,
  type BridgeTowerConfig,
  type ConfigNeed,
  type TextConfig,
  type VisionConfig,
} from "./config.js";
export {
  classifierWidth,
  headEntry,
  heads,
  headsOf,
  headTable,
  type Head,
  type HeadInputs,
  type ShapeOf,
} from "./heads.js";
export { contrastiveBatch, jointContrastiveLoss, temperatureRange } from "./objectives/contrastive.js";
export {
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
export {
  comparisonGraph,
  fusionGraph,
  imageGraph,
  nativeImage,
  pairGraph,
  textGraph,
  type ImageSize,
  type Outputs,
  type PairGraph,
} from "./subgraphs.js";
