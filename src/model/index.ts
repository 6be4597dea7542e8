/** BridgeTower itself: config, towers, bridges, cross-modal encoder, heads and losses. Pure: no files, no runtime. */
export { longestText, parseConfig, type BridgeTowerConfig, type TextConfig, type VisionConfig } from "./config.js";
export {
  fusionPart,
  imagePart,
  nativePicture,
  textPart,
  wholeModel,
  type Outputs,
  type PictureSize,
  type WholeModel,
} from "./graphs.js";
export { parameterList, type Head, type ParameterList } from "./parameters.js";
export { checkPictureSize } from "./vision-tower.js";
