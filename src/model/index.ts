/** BridgeTower itself: config, towers, bridges, cross-modal encoder, heads and losses. Pure: no files, no runtime. */
export { bicubicWeights } from "./bicubic.js";
export { maxTextLength, parseConfig, type BridgeTowerConfig, type TextConfig, type VisionConfig } from "./config.js";
export {
  comparisonPart,
  fusionPart,
  imagePart,
  nativeImage,
  textPart,
  wholeModel,
  type Outputs,
  type ImageSize,
  type WholeModel,
} from "./graphs.js";
export { contrastiveBatch, temperatureRange } from "./contrastive.js";
export {
  headsOf,
  objectives,
  trainingStep,
  type ObjectiveName,
  type ObjectiveUse,
  type ObjectiveUses,
  type TrainingStep,
} from "./objectives.js";
export type { StackSizes } from "./step.js";
export { classifierWidth, headHiddenScale } from "./heads.js";
export { heads, isHeadParameter, parameterList, type Head, type ParameterList } from "./parameters.js";
export { checkImageSize } from "./vision-tower.js";
