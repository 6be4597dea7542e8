/** The cross-modal encoder: cross-modal layers and the link towers that bridge the uni-modal towers into them. */
import { add, mul, sub, type Tensor } from "../graph/index.js";
import { layerNorm, type Context, type Scope } from "../nn/index.js";
import type { BridgeTowerConfig } from "./config.js";
import { attentionContext, attentionLayer, feedForward } from "./text-tower.js";

export interface CrossLayerOutput {
  readonly output: Tensor;
  /** Self-attention probabilities [batch, heads, queries, tokens]. */
  readonly probabilities: Tensor;
}

/**
 * Self-attention, attention over the other modality, feed-forward; each adds to its input and is normalised.
 * BridgeTower (Xu et al., AAAI 2023), cross-modal encoder; transformers 5.23 `BridgeTowerBertCrossLayer`.
 * @param x this modality [batch, tokens, hidden]
 * @param other the other one [batch, otherTokens, hidden]
 * @param queries the tokens of `x` to compute; all by default
 * @returns [batch, queries, hidden]
 */
export function crossLayer(
  p: Scope,
  config: BridgeTowerConfig,
  x: Tensor,
  other: Tensor,
  masks: { readonly self?: Tensor; readonly other?: Tensor },
  queries = x,
): CrossLayerOutput {
  const { output, probabilities } = selfAttention(p, config, x, masks.self, queries);
  return { output: crossAttention(p, config, output, otherContext(p, config, other), masks.other), probabilities };
}

/** The first third of a cross-modal layer, which sees its own modality only. */
export function selfAttention(
  p: Scope,
  config: BridgeTowerConfig,
  x: Tensor,
  mask?: Tensor,
  queries = x,
): CrossLayerOutput {
  const attention = p.at("attention");
  return attentionLayer(
    attention,
    config.text_config,
    queries,
    attentionContext(attention, config.text_config, x),
    mask,
  );
}

/** Keys and values that the layer at `p` reads from the other modality. */
export function otherContext(p: Scope, config: BridgeTowerConfig, other: Tensor): Context {
  return attentionContext(p.at("crossattention"), config.text_config, other);
}

/** The rest of a cross-modal layer: attention over the other modality's context, then feed-forward. */
export function crossAttention(p: Scope, config: BridgeTowerConfig, x: Tensor, other: Context, mask?: Tensor): Tensor {
  const { output } = attentionLayer(p.at("crossattention"), config.text_config, x, other, mask);
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

/** The bridge into one level: LN of the tower's state joined with the cross-modal one. [batch, tokens, hidden] both */
export function linkTower(p: Scope, config: BridgeTowerConfig, tower: Tensor, cross: Tensor): Tensor {
  return layerNorm(p.at("LayerNorm"), links[config.link_tower_type](p, tower, cross), config.layer_norm_eps);
}
