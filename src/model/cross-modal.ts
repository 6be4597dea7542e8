/** A layer of the cross-modal encoder, and the bridge (link tower) from a uni-modal tower into its level. */
import { add, mul, sub, type Tensor } from "../graph/index.js";
import { layerNorm, type Attended, type Context, type Scope } from "../nn/index.js";
import { attentionContext, attentionLayer, feedForward } from "./bert-layer.js";
import type { BridgeTowerConfig } from "./config.js";

export interface SelfAttentionOptions {
  /** `attentionBias` of this modality's tokens. */
  readonly bias?: Tensor | undefined;
  /** The tokens to compute; all by default. */
  readonly queries?: Tensor;
}

/**
 * Self-attention, attention over the other modality, feed-forward; each adds to its input and is normalised.
 * BridgeTower (Xu et al., AAAI 2023), cross-modal encoder; transformers 5.23 `BridgeTowerBertCrossLayer`.
 * @param x this modality [batch, tokens, hidden]
 * @param other the other one [batch, otherTokens, hidden]
 * @param options.otherBias `attentionBias` of the other modality's tokens
 * @returns output [batch, queries, hidden], and the probabilities of the self-attention
 */
export function crossLayer(
  p: Scope,
  config: BridgeTowerConfig,
  x: Tensor,
  other: Tensor,
  { otherBias, ...options }: SelfAttentionOptions & { readonly otherBias?: Tensor },
): Attended {
  const { output, probabilities } = selfAttention(p, config, x, options);
  return { output: crossAttention(p, config, output, otherContext(p, config, other), otherBias), probabilities };
}

/** The first third of a cross-modal layer, which reads its own modality only. */
export function selfAttention(
  p: Scope,
  { text_config }: BridgeTowerConfig,
  x: Tensor,
  { bias, queries = x }: SelfAttentionOptions = {},
): Attended {
  const attention = p.at("attention");
  return attentionLayer(attention, text_config, queries, attentionContext(attention, text_config, x), bias);
}

/** Keys and values that the layer at `p` reads from the other modality. */
export const otherContext = (p: Scope, config: BridgeTowerConfig, other: Tensor): Context =>
  attentionContext(p.at("crossattention"), config.text_config, other);

/** The rest of a cross-modal layer: attention over the other modality's context, then feed-forward. */
export function crossAttention(p: Scope, config: BridgeTowerConfig, x: Tensor, other: Context, bias?: Tensor): Tensor {
  const { output } = attentionLayer(p.at("crossattention"), config.text_config, x, other, bias);
  return feedForward(p, config.text_config, output);
}

const links: Record<BridgeTowerConfig["link_tower_type"], (p: Scope, tower: Tensor, cross: Tensor) => Tensor> = {
  add: (_p, tower, cross) => add(tower, cross),
  scaled_add: (p, tower, cross) => add(mul(tower, p.parameter("scaled_factor", [])), cross),
  interpolate: (p, tower, cross) => {
    const beta = p.parameter("beta", []);
    return add(mul(tower, sub(1, beta)), mul(cross, beta));
  },
};

/** The bridge into one level: LN(x + y) of the tower's state x and the cross-modal state y. [batch, tokens, hidden] both */
export function linkTower(p: Scope, config: BridgeTowerConfig, tower: Tensor, cross: Tensor): Tensor {
  return layerNorm(p.at("LayerNorm"), links[config.link_tower_type](p, tower, cross), config.layer_norm_eps);
}
