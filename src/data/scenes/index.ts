/** Composed scenes of emoji art with captions, questions, hypotheses and statements: the training data of the embedded model. */
export { sceneDataset, type SceneRows } from "./scene-dataset.js";
export { openScenes, type ScenesOptions } from "./scenes-file.js";
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
export { type Split, splitNamed, splits } from "./splits.js";
export { loadSprites, type Sprites } from "./sprites/index.js";
export { answerList } from "./texts/questions.js";
export { readVocabulary, type Vocabulary } from "./vocabulary/vocabulary.js";
