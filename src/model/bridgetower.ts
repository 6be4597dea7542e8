/**
 * BridgeTower (Xu et al., AAAI 2023): two uni-modal towers, bridges from each of their top layers, and a cross-modal
 * encoder. What depends on one modality alone (towers, bridges, the first level's self-attention and keys) is apart from
 * what needs both, so that n pictures and m texts cost n + m towers. Reference: transformers 5.23 `BridgeTowerModel`.
 */
import { add, concat, reshape, slice, tanh, type Tensor } from "../graph/index.js";
import { layerNorm, linear, type Context, type Scope } from "../nn/index.js";
import { splitIndex, type BridgeTowerConfig } from "./config.js";
import { crossAttention, crossLayer, linkTower, otherContext, selfAttention } from "./cross-modal.js";
import { attentionBias, textEmbeddings, textLayer } from "./text-tower.js";
import { visionBlock, visionEmbeddings } from "./vision-tower.js";

/** Row of the token-type table. */
const textType = 0;
const imageType = 1;

/** The first token of each sequence: [batch, tokens, hidden] -> [batch, 1, hidden] */
export const firstToken = (x: Tensor): Tensor => slice(x, { axis: 1, start: 0, end: 1 });

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
 * States of the vision tower: the embeddings, then one block for each text layer (further blocks are never read).
 * @param embeddings output of `imageEmbeddings`, or given by the caller [batch, image, hidden]
 */
export function visionTower(p: Scope, config: BridgeTowerConfig, embeddings: Tensor): Tensor[] {
  const blocks = p.at("vision_model.visual.transformer.resblocks");
  const states = [embeddings];
  for (let i = 0; i < config.text_config.num_hidden_layers; i++) {
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
export function transformImage(p: Scope, config: BridgeTowerConfig, y: Tensor, level: number): Tensor {
  const normalized = layerNorm(p.at("vision_model.visual.ln_post"), y, config.vision_config.layer_norm_eps);
  const transformed = linear(
    transformAt(p, config, "cross_modal_image_transform", level),
    normalized,
    config.hidden_size,
  );
  return add(transformed, tokenType(p, config, imageType));
}

const transformAt = (p: Scope, config: BridgeTowerConfig, name: string, level: number): Scope =>
  config.share_cross_modal_transformer_layers ? p.at(name) : p.at(name).at(level);

function tokenType(p: Scope, config: BridgeTowerConfig, row: number): Tensor {
  const table = p.at("token_type_embeddings").parameter("weight", [2, config.hidden_size]);
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
  /** Tower states for the link towers of the levels 1 … N − 1, transformed [batch, tokens, hidden]. */
  readonly levels: readonly Tensor[];
}

/** The bridge out of the text tower's states. */
export function textBridge(
  p: Scope,
  config: BridgeTowerConfig,
  states: readonly Tensor[],
  attention_mask: Tensor,
): Bridge {
  const { first, levels } = bridgedStates(config, states, (state, level) => transformText(p, config, state, level));
  const a = layerNorm(p.at("cross_modal_text_layernorm"), first, config.layer_norm_eps);
  const { output, probabilities } = selfAttention(
    p.at("cross_modal_text_layers.0"),
    config,
    a,
    attentionBias(attention_mask),
  );
  return {
    attended: output,
    probabilities,
    context: otherContext(p.at("cross_modal_image_layers.0"), config, a),
    levels,
  };
}

/** The bridge out of the vision tower's states. */
export function imageBridge(p: Scope, config: BridgeTowerConfig, states: readonly Tensor[]): Bridge {
  const { first, levels } = bridgedStates(config, states, (state, level) => transformImage(p, config, state, level));
  const b = layerNorm(p.at("cross_modal_image_layernorm"), first, config.layer_norm_eps);
  const { output, probabilities } = selfAttention(p.at("cross_modal_image_layers.0"), config, b);
  return {
    attended: output,
    probabilities,
    context: otherContext(p.at("cross_modal_text_layers.0"), config, b),
    levels,
  };
}

function bridgedStates(
  config: BridgeTowerConfig,
  states: readonly Tensor[],
  transform: (state: Tensor, level: number) => Tensor,
): { first: Tensor; levels: Tensor[] } {
  const [first, ...levels] = states.slice(splitIndex(config)).map(transform);
  return { first: first!, levels };
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
 * @param text of `batch` texts; @param image of as many pictures, or of one picture that all texts share
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
  const link = (modality: "text" | "image", level: number) => {
    const towers = p.at(`cross_modal_${modality}_link_tower`);
    return config.share_link_tower_layers ? towers : towers.at(level - 1);
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
    const a = linkTower(link("text", level), config, text.levels[level - 1]!, below.text);
    const b = linkTower(link("image", level), config, image.levels[level - 1]!, below.image);
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
  const pool = (modality: "text" | "image", x: Tensor) => {
    const first = reshape(firstToken(x), [x.shape[0]!, config.hidden_size]);
    return tanh(linear(p.at(`cross_modal_${modality}_pooler.dense`), first, config.hidden_size));
  };
  return concat([pool("text", text), pool("image", image)], 1);
}
