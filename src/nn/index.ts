/** Layers, activations, attention and losses over scopes of parameters. Independent of BridgeTower. */
export { activations, quickGelu, type ActivationName } from "./activations.js";
export { attend, splitContext, type Attended, type AttentionOptions, type Context } from "./attention.js";
export { dropout, sampleDropout, type DropoutMask } from "./dropout.js";
export { embedding, layerNorm, linear, widthOf } from "./layers.js";
export {
  accuracy,
  binaryCrossEntropy,
  crossEntropy,
  ignoredLabel,
  mean,
  normalize,
  softCrossEntropy,
} from "./losses.js";
export { lazy, Scope } from "./scope.js";
