/**
 * BridgeTower (Xu et al., AAAI 2023), from bottom to top of the paper's figure 2: two uni-modal towers, bridges from each of
 * their top layers into a cross-modal level, and the pooled outputs that heads read. Reference: transformers 5.23
 * `BridgeTowerModel`. METER (Dou et al., CVPR 2022), the baseline without bridges, reads the towers at the end only.
 *
 * What depends on one modality alone (`textSide`, `imageSide`) is computed apart from what needs both (`crossModalEncoder`),
 * so that n images and m texts cost n + m towers.
 */
import { add, concat, mul, reshape, slice, softmax, sum, tanh, type Tensor } from "../graph/index.js";
import { layerNorm, lazy, linear, widthOf, type Context, type Scope } from "../nn/index.js";
import { attentionBias } from "./bert-layer.js";
import { splitIndex, visionBlocks, type BridgeTowerConfig } from "./config.js";
import { crossAttention, crossLayer, linkTower, otherContext, selfAttention } from "./cross-modal.js";
import { textLayer, textTower } from "./text-tower.js";
import { visionBlock, visionEmbeddings, visionTower } from "./vision-tower.js";

type Modality = "text" | "image";

/** One modality: its tower and the states that are read of it. */
export interface Side {
  /** The tower's embeddings, then each layer [batch, tokens, towerHidden]. */
  readonly states: readonly Tensor[];
  /** The last layer for the first token alone, which is all that an embedding reads [batch, 1, towerHidden]. */
  readonly firstToken: () => Tensor;
  /** The inputs of the cross-modal encoder. */
  readonly state: () => UniModalState;
}

/** The text's side. @param input_ids @param attention_mask int64 [batch, text] */
export function textSide(p: Scope, config: BridgeTowerConfig, input_ids: Tensor, attention_mask: Tensor): Side {
  const { text_config } = config;
  const tower = p.at("text_model");
  const states = textTower(tower, text_config, input_ids, attention_mask);
  const bias = attentionBias(attention_mask);
  return {
    states,
    firstToken: lazy(() => {
      const [below, last] = [states.at(-2)!, text_config.num_hidden_layers - 1];
      return textLayer(tower, text_config, last, below, { bias, queries: firstToken(below) });
    }),
    state: lazy(() => uniModalState(p, config, "text", states, { bias, tokenType: 0 })),
  };
}

/** Patches, class token and positions, normalised. float32 [batch, 3, height, width] -> [batch, image, visionHidden] */
export const imageEmbeddings = (p: Scope, config: BridgeTowerConfig, pixel_values: Tensor): Tensor =>
  visionEmbeddings(p.at("vision_model.visual"), config.vision_config, pixel_values);

/** Row of the token-type table: 1 for the image, or for the first of two; 2 for the second. Row 0 is the text's. */
export type ImageType = 1 | 2;

/** The image's side. @param image_embeds as `imageEmbeddings` gives them [batch, image, visionHidden] */
export function imageSide(p: Scope, config: BridgeTowerConfig, image_embeds: Tensor, tokenType: ImageType = 1): Side {
  const { vision_config } = config;
  const tower = p.at("vision_model.visual");
  const blocks = visionBlocks(config);
  const states = visionTower(tower, vision_config, image_embeds, blocks);
  return {
    states,
    firstToken: lazy(() => {
      const below = states.at(-2)!;
      return visionBlock(tower, vision_config, blocks - 1, below, firstToken(below));
    }),
    state: lazy(() => uniModalState(p, config, "image", states, { tokenType })),
  };
}

/** All that one modality computes before fusion; none of it depends on the other modality. */
export interface UniModalState {
  /** First level: the state after its own self-attention [batch, tokens, hidden]. */
  readonly attended: Tensor;
  /** First level: probabilities of that self-attention [batch, heads, tokens, tokens]; absent in a state that is fed. */
  readonly probabilities: Tensor | undefined;
  /** First level: keys and values that the other modality reads. */
  readonly context: Context;
  /** Tower states for the bridges into the levels 1 … N − 1, transformed [batch, tokens, hidden]; none in METER. */
  readonly levels: readonly Tensor[];
}

/** @param states of the tower; @param bias `attentionBias` of the text's tokens */
export function uniModalState(
  p: Scope,
  config: BridgeTowerConfig,
  modality: Modality,
  states: readonly Tensor[],
  { tokenType, bias }: { readonly tokenType: 0 | ImageType; readonly bias?: Tensor },
): UniModalState {
  const { first, levels } = encoderInputs(p, config, modality, states, tokenType);
  const { output, probabilities } = selfAttention(p.at(`cross_modal_${modality}_layers.0`), config, first, { bias });
  const other = p.at(`cross_modal_${modality === "text" ? "image" : "text"}_layers.0`);
  return { attended: output, probabilities, context: otherContext(other, config, first), levels };
}

/** The states of a tower for the first level, and those for the bridges into the further levels. */
function encoderInputs(
  p: Scope,
  config: BridgeTowerConfig,
  modality: Modality,
  states: readonly Tensor[],
  tokenType: 0 | ImageType,
): { first: Tensor; levels: Tensor[] } {
  const tower = modality === "text" ? states : states.map((y) => postNorm(p, config, y));
  const transform = (x: Tensor, level: number) => transformed(p, config, modality, x, { level, tokenType });
  if (config.model_type === "meter") {
    const fused = config.meter_fusion ? gatedSum(p.at(`${modality}_gate`), tower.slice(1)) : tower.at(-1)!;
    return { first: transform(fused, 0), levels: [] };
  }
  const [first, ...levels] = tower.slice(splitIndex(config)).map(transform);
  return { first: layerNorm(p.at(`cross_modal_${modality}_layernorm`), first!, config.layer_norm_eps), levels };
}

/** METER's fusion of a tower's layers F: F_L + Σ g_l F_l over l < L, g = softmax over l of W F_l + b, for each channel. */
function gatedSum(p: Scope, layers: readonly Tensor[]): Tensor {
  const last = layers.at(-1)!;
  if (layers.length === 1) return last;
  const stack = concat(
    layers.slice(0, -1).map((layer) => reshape(layer, [1, ...layer.shape])),
    0,
  );
  const gates = softmax(linear(p, stack, widthOf(last)), 0);
  return add(last, sum(mul(gates, stack), { axes: [0] }));
}

/** `ln_post` of a vision tower state; the tower's next block reads the state without it. */
export const postNorm = (p: Scope, config: BridgeTowerConfig, y: Tensor): Tensor =>
  layerNorm(p.at("vision_model.visual.ln_post"), y, config.vision_config.layer_norm_eps);

/** T(x): a tower state in the space of a cross-modal level. [batch, tokens, towerHidden] -> [batch, tokens, hidden] */
export function transformed(
  p: Scope,
  config: BridgeTowerConfig,
  modality: Modality,
  x: Tensor,
  { level, tokenType }: { readonly level: number; readonly tokenType: 0 | ImageType },
): Tensor {
  const { hidden_size: hidden, token_type_count, share_cross_modal_transformer_layers: shared } = config;
  const transforms = p.at(`cross_modal_${modality}_transform`);
  const y = linear(shared ? transforms : transforms.at(level), x, hidden);
  const types = p.at("token_type_embeddings").parameter("weight", [token_type_count, hidden]);
  return add(y, reshape(slice(types, { axis: 0, start: tokenType, end: tokenType + 1 }), [hidden]));
}

/** One level of the cross-modal encoder. */
export interface Level {
  readonly text: Tensor;
  readonly image: Tensor;
  /** Self-attention probabilities [batch, heads, queries, tokens]. */
  readonly textProbabilities: Tensor | undefined;
  readonly imageProbabilities: Tensor | undefined;
}

export interface EncoderInputs {
  /** Of `batch` texts. */
  readonly text: UniModalState;
  /** Of as many images, or of one image that all texts share. */
  readonly image: UniModalState;
  /** Of the texts, int64 [batch, text]. */
  readonly attention_mask: Tensor;
}

export interface EncoderOptions {
  /** Tokens of the last level that are computed: the first is enough for the pooled output. Default `all`. */
  readonly lastQueries?: "all" | "first";
}

/** The cross-modal encoder. Both layers of a level read that level's inputs, not each other's outputs. */
export function crossModalEncoder(
  p: Scope,
  config: BridgeTowerConfig,
  { text, image, attention_mask }: EncoderInputs,
  { lastQueries = "all" }: EncoderOptions = {},
): Level[] {
  const bias = attentionBias(attention_mask);
  const layer = (modality: Modality, level: number) => p.at(`cross_modal_${modality}_layers`).at(level);
  const lastLevel = config.num_hidden_layers - 1;
  const queriesAt = (level: number, x: Tensor) => (level === lastLevel && lastQueries === "first" ? firstToken(x) : x);
  const bridge = (modality: Modality, level: number, { levels: towerStates }: UniModalState, below: Tensor) => {
    const tower = towerStates[level - 1];
    if (tower === undefined) return below;
    const links = p.at(`cross_modal_${modality}_link_tower`);
    return linkTower(config.share_link_tower_layers ? links : links.at(level - 1), config, tower, below);
  };

  const levels: Level[] = [
    {
      text: crossAttention(layer("text", 0), config, queriesAt(0, text.attended), image.context),
      image: crossAttention(layer("image", 0), config, queriesAt(0, image.attended), text.context, bias),
      textProbabilities: text.probabilities,
      imageProbabilities: image.probabilities,
    },
  ];
  for (let level = 1; level <= lastLevel; level++) {
    const below = levels[level - 1]!;
    const x = bridge("text", level, text, below.text);
    const y = bridge("image", level, image, below.image);
    const ofText = crossLayer(layer("text", level), config, x, y, { bias, queries: queriesAt(level, x) });
    const ofImage = crossLayer(layer("image", level), config, y, x, { otherBias: bias, queries: queriesAt(level, y) });
    levels.push({
      text: ofText.output,
      image: ofImage.output,
      textProbabilities: ofText.probabilities,
      imageProbabilities: ofImage.probabilities,
    });
  }
  return levels;
}

/** [tanh(text pooler); tanh(image pooler)] of the first tokens. -> [batch, 2 hidden] */
export function pooled(p: Scope, config: BridgeTowerConfig, { text, image }: Pick<Level, Modality>): Tensor {
  const pool = (modality: Modality, x: Tensor) =>
    tanh(linear(p.at(`cross_modal_${modality}_pooler.dense`), firstRow(x), config.hidden_size));
  return concat([pool("text", text), pool("image", image)], 1);
}

/** The first token of each sequence: [batch, tokens, hidden] -> [batch, 1, hidden] */
export const firstToken = (x: Tensor): Tensor => slice(x, { axis: 1, start: 0, end: 1 });

/** The first token of each sequence as a row: [batch, tokens, hidden] -> [batch, hidden] */
export const firstRow = (x: Tensor): Tensor => reshape(firstToken(x), [x.shape[0]!, x.shape[2]!]);

export interface BridgeTowerInputs {
  /** int64 [batch, text] */
  readonly input_ids: Tensor;
  readonly attention_mask: Tensor;
  /** float32 [batch, 3, height, width], or instead: */
  readonly pixel_values?: Tensor;
  /** `imageEmbeddings` of the pixels [batch, image, visionHidden]. */
  readonly image_embeds?: Tensor;
}

export interface BridgeTowerOutputs {
  readonly text: Side;
  readonly image: Side;
  /** The cross-modal levels from first to last; heads read the last one's tokens. */
  readonly levels: readonly Level[];
  /** [batch, 2 hidden] */
  readonly pooler_output: Tensor;
}

/**
 * The forward pass over pairs of a text and an image; heads read its outputs.
 * @param p the scope of parameters: `Scope.root()`, or `Scope.training()` with dropout
 */
export function bridgeTower(
  p: Scope,
  config: BridgeTowerConfig,
  { input_ids, attention_mask, pixel_values, image_embeds }: BridgeTowerInputs,
  options: EncoderOptions = {},
): BridgeTowerOutputs {
  const embeddings = image_embeds ?? imageEmbeddings(p, config, pixel_values!);
  const text = textSide(p, config, input_ids, attention_mask);
  const image = imageSide(p, config, embeddings);
  const states = { text: text.state(), image: image.state(), attention_mask };
  const levels = crossModalEncoder(p, config, states, options);
  return { text, image, levels, pooler_output: pooled(p, config, levels.at(-1)!) };
}
