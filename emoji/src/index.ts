/** Composed scenes of emoji art with captions, questions, hypotheses and statements: the training data of the packaged model. */
export { default as openScenes, type ScenesOptions, spritesFolder } from "./dataset.js";
export { sceneDataset, type SceneDatasetOptions, type SceneRows } from "./scene-dataset.js";
export {
  type PairScene,
  type PairTexts,
  type Scene,
  type SceneContents,
  type SceneObject,
  type SceneOptions,
  SceneSource,
  type SceneTexts,
  textsPerScene,
} from "./scene-source.js";
export { type Split, splits } from "./splits.js";
export { loadSprites, type Sprites } from "./sprites/index.js";
export { nounWords } from "./texts/caption.js";
export { answerList } from "./texts/questions.js";
export { readVocabulary, type Vocabulary } from "./vocabulary/vocabulary.js";
