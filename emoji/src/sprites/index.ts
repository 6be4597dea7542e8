/** Drawings of the art sets. */
export { loadSprites, writeSprites, type SpriteContents } from "./sprite-files.js";
export {
  premultiply,
  spriteEdge,
  spritesOf,
  type Sprite,
  type SpriteEntry,
  type SpriteLevel,
  type Sprites,
} from "./sprites.js";
