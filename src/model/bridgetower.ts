/**
 * BridgeTower (Xu et al., AAAI 2023): two uni-modal towers, bridges from each of their top layers, and a cross-modal
 * encoder. What depends on one modality alone (towers, bridges, the first level's self-attention and keys) is apart from
 * what needs both, so that n images and m texts cost n + m towers. Reference: transformers 5.23 `BridgeTowerModel`.
 */
import { add, concat, mul, reshape, slice, softmax, sum, tanh, type Tensor } from "../graph/index.js";
import { layerNorm, linear, widthOf, type Context, type Scope } from "../nn/index.js";
import { splitIndex, visionBlocks, type BridgeTowerConfig } from "./config.js";
import { crossAttention, crossLayer, linkTower, otherContext, selfAttention } from "./cross-modal.js";
import { attentionBias, textEmbeddings, textLayer } from "./text-tower.js";
import { visionBlock, visionEmbeddings } from "./vision-tower.js";

/** Row of the token-type table. */
const textType = 0;
/** Row of the token-type table: the image, or the first and the second of two. */
export type ImageType = 1 | 2;

/** The first token of each sequence: [batch, tokens, hidden] -> [batch, 1, hidden] */
export const firstToken = (x: Tensor): Tensor => slice(x, { axis: 1, start: 0, end: 1 });

/** The first token of each sequence as a row: [batch, tokens, hidden] -> [batch, hidden] */
export const firstRow = (x: Tensor): Tensor => reshape(firstToken(x), [x.shape[0]!, x.shape[2]!]);

/** States of the text tower: the embeddings, then each layer. int64 [batch, text] both -> [batch, text, hidden] each */
export function textTower(p: Scope, config: BridgeTowerConfig, input_ids: Tensor, attention_mask: Tensor): Tensor[] {
  const tower = p.at("text_model");
  const mask = attentionBias(attention_mask);
  const states = [textEmbeddings(tower.at("embeddings"), config.text_config, input_ids)];
  for (let i = 0; i < config.text_config.num_hidden_layers; i++) {
    states.push(textLayer(tower.at("encoder.layer").at(i), config.text_config, states[i]!, mask));
  }
  return states;
}

/**
 * States of the vision tower: the embeddings, then each block that is read (see `visionBlocks`).
 * @param embeddings output of `imageEmbeddings`, or given by the caller [batch, image, hidden]
 */
export function visionTower(p: Scope, config: BridgeTowerConfig, embeddings: Tensor): Tensor[] {
  const blocks = p.at("vision_model.visual.transformer.resblocks");
  const states = [embeddings];
  for (let i = 0; i < visionBlocks(config); i++) {
    states.push(visionBlock(blocks.at(i), config.vision_config, states[i]!));
  }
  return states;
}

/** Patches, class token and positions, normalised. float32 [batch, 3, height, width] -> [batch, image, hidden] */
export const imageEmbeddings = (p: Scope, config: BridgeTowerConfig, pixel_values: Tensor): Tensor =>
  visionEmbeddings(p.at("vision_model.visual"), config.vision_config, pixel_values);

/** Tx(x): a text tower state in the space of cross-modal level `level`. [batch, text, hidden] -> the same */
export function transformText(p: Scope, config: BridgeTowerConfig, x: Tensor, level: number): Tensor {
  const transformed = linear(transformAt(p, config, "cross_modal_text_transform", level), x, config.hidden_size);
  return add(transformed, tokenType(p, config, textType));
}

/** Ty(y): a vision tower state, normalised by `ln_post`, in the space of level `level`. [batch, image, visionHidden] -> [batch, image, hidden] */
export function transformImage(
  p: Scope,
  config: BridgeTowerConfig,
  y: Tensor,
  level: number,
  type: ImageType = 1,
): Tensor {
  return transformNormalizedImage(p, config, postNorm(p, config, y), level, type);
}

/** `ln_post` of a vision tower state; the tower itself goes on without it. */
export const postNorm = (p: Scope, config: BridgeTowerConfig, y: Tensor): Tensor =>
  layerNorm(p.at("vision_model.visual.ln_post"), y, config.vision_config.layer_norm_eps);

function transformNormalizedImage(
  p: Scope,
  config: BridgeTowerConfig,
  normalized: Tensor,
  level: number,
  type: ImageType,
): Tensor {
  const transform = transformAt(p, config, "cross_modal_image_transform", level);
  return add(linear(transform, normalized, config.hidden_size), tokenType(p, config, type));
}

const transformAt = (p: Scope, config: BridgeTowerConfig, name: string, level: number): Scope =>
  config.share_cross_modal_transformer_layers ? p.at(name) : p.at(name).at(level);

function tokenType(p: Scope, config: BridgeTowerConfig, row: number): Tensor {
  const table = p.at("token_type_embeddings").parameter("weight", [config.token_type_count, config.hidden_size]);
  return reshape(slice(table, { axis: 0, start: row, end: row + 1 }), [config.hidden_size]);
}

/** What one tower gives to the cross-modal encoder; none of it depends on the other modality. */
export interface Bridge {
  /** First level: the state after its own self-attention [batch, tokens, hidden]. */
  readonly attended: Tensor;
  /** First level: probabilities of that self-attention [batch, heads, tokens, tokens]; a bridge fed as inputs has none. */
  readonly probabilities: Tensor | undefined;
  /** First level: keys and values that the other modality reads. */
  readonly context: Context;
  /** Tower states for the link towers of the levels 1 … N − 1, transformed [batch, tokens, hidden]; none in METER. */
  readonly levels: readonly Tensor[];
}

/** The bridge out of the text tower's states. */
export function textBridge(
  p: Scope,
  config: BridgeTowerConfig,
  states: readonly Tensor[],
  attention_mask: Tensor,
): Bridge {
  const { first, levels } = entries[config.model_type].text(p, config, states);
  const { output, probabilities } = selfAttention(
    p.at("cross_modal_text_layers.0"),
    config,
    first,
    attentionBias(attention_mask),
  );
  return {
    attended: output,
    probabilities,
    context: otherContext(p.at("cross_modal_image_layers.0"), config, first),
    levels,
  };
}

/** The bridge out of the vision tower's states. */
export function imageBridge(
  p: Scope,
  config: BridgeTowerConfig,
  states: readonly Tensor[],
  type: ImageType = 1,
): Bridge {
  const { first, levels } = entries[config.model_type].image(p, config, states, type);
  const { output, probabilities } = selfAttention(p.at("cross_modal_image_layers.0"), config, first);
  return {
    attended: output,
    probabilities,
    context: otherContext(p.at("cross_modal_text_layers.0"), config, first),
    levels,
  };
}

/** What the first level reads of a tower, and what the link towers of the further levels read. */
interface Entry {
  readonly first: Tensor;
  readonly levels: readonly Tensor[];
}

/** How the towers' states enter the cross-modal encoder. */
const entries: Record<
  BridgeTowerConfig["model_type"],
  {
    text(p: Scope, config: BridgeTowerConfig, states: readonly Tensor[]): Entry;
    image(p: Scope, config: BridgeTowerConfig, states: readonly Tensor[], type: ImageType): Entry;
  }
> = {
  bridgetower: {
    text(p, config, states) {
      const [first, ...levels] = states
        .slice(splitIndex(config))
        .map((state, level) => transformText(p, config, state, level));
      return { first: layerNorm(p.at("cross_modal_text_layernorm"), first!, config.layer_norm_eps), levels };
    },
    image(p, config, states, type) {
      const [first, ...levels] = states
        .slice(splitIndex(config))
        .map((state, level) => transformImage(p, config, state, level, type));
      return { first: layerNorm(p.at("cross_modal_image_layernorm"), first!, config.layer_norm_eps), levels };
    },
  },
  meter: {
    text(p, config, states) {
      const fused = config.meter_fusion ? gatedSum(p.at("text_gate"), states.slice(1)) : states.at(-1)!;
      return { first: transformText(p, config, fused, 0), levels: [] };
    },
    image(p, config, states, type) {
      const layers = states.slice(1).map((state) => () => postNorm(p, config, state));
      const fused = config.meter_fusion
        ? gatedSum(
            p.at("image_gate"),
            layers.map((normalized) => normalized()),
          )
        : layers.at(-1)!();
      return { first: transformNormalizedImage(p, config, fused, 0, type), levels: [] };
    },
  },
};

/** METER's fusion of a tower's layers F: F_L + Σ g_l F_l over l < L, g = softmax over l of W F_l + b, for each channel. */
function gatedSum(p: Scope, layers: readonly Tensor[]): Tensor {
  const last = layers.at(-1)!;
  if (layers.length === 1) return last;
  const [batch, tokens, width] = last.shape;
  const stack = concat(
    layers.slice(0, -1).map((layer) => reshape(layer, [1, batch!, tokens!, width!])),
    0,
  );
  const gates = softmax(linear(p, stack, widthOf(last)), 0);
  return add(last, sum(mul(gates, stack), { axes: [0] }));
}

/** One level of the cross-modal encoder. */
export interface Level {
  readonly text: Tensor;
  readonly image: Tensor;
  /** Self-attention probabilities [batch, heads, queries, tokens]. */
  readonly textProbabilities: Tensor | undefined;
  readonly imageProbabilities: Tensor | undefined;
}

/**
 * The cross-modal encoder. Both layers of a level read that level's inputs, not each other's outputs.
 * @param text of `batch` texts; @param image of as many images, or of one image that all texts share
 * @param lastQueries tokens of the last level to compute: all, or the first alone where only the pooled vector is read
 */
export function crossModalEncoder(
  p: Scope,
  config: BridgeTowerConfig,
  text: Bridge,
  image: Bridge,
  attention_mask: Tensor,
  lastQueries: "all" | "first",
): Level[] {
  const mask = attentionBias(attention_mask);
  const textLayers = p.at("cross_modal_text_layers");
  const imageLayers = p.at("cross_modal_image_layers");
  const lastLevel = config.num_hidden_layers - 1;
  const queriesAt = (level: number, x: Tensor) => (level === lastLevel && lastQueries === "first" ? firstToken(x) : x);
  const link = (modality: "text" | "image", level: number, towerStates: readonly Tensor[], below: Tensor) => {
    const tower = towerStates[level - 1];
    if (tower === undefined) return below;
    const scope = p.at(`cross_modal_${modality}_link_tower`);
    return linkTower(config.share_link_tower_layers ? scope : scope.at(level - 1), config, tower, below);
  };

  const levels: Level[] = [
    {
      text: crossAttention(textLayers.at(0), config, queriesAt(0, text.attended), image.context),
      image: crossAttention(imageLayers.at(0), config, queriesAt(0, image.attended), text.context, mask),
      textProbabilities: text.probabilities,
      imageProbabilities: image.probabilities,
    },
  ];
  for (let level = 1; level <= lastLevel; level++) {
    const below = levels[level - 1]!;
    const a = link("text", level, text.levels, below.text);
    const b = link("image", level, image.levels, below.image);
    const textOut = crossLayer(textLayers.at(level), config, a, b, { self: mask }, queriesAt(level, a));
    const imageOut = crossLayer(imageLayers.at(level), config, b, a, { other: mask }, queriesAt(level, b));
    levels.push({
      text: textOut.output,
      image: imageOut.output,
      textProbabilities: textOut.probabilities,
      imageProbabilities: imageOut.probabilities,
    });
  }
  return levels;
}

/** [tanh(text pooler); tanh(image pooler)] of the first tokens. -> [batch, 2 hidden] */
export function pooled(p: Scope, config: BridgeTowerConfig, { text, image }: Pick<Level, "text" | "image">): Tensor {
  const pool = (modality: "text" | "image", x: Tensor) =>
    tanh(linear(p.at(`cross_modal_${modality}_pooler.dense`), firstRow(x), config.hidden_size));
  return concat([pool("text", text), pool("image", image)], 1);
}
