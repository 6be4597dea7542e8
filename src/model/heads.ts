/** Task heads over the encoder's outputs. Reference: the head classes of transformers 5.23 `modeling_bridgetower`. */
import { InputError } from "../errors.js";
import { concat, gelu, linear as linearOp, type Tensor } from "../graph/index.js";
import { activations, dropout, layerNorm, linear, normalize, type Scope } from "../nn/index.js";
import { firstRow, firstToken, postNorm, transformImage } from "./bridgetower.js";
import { visionBlocks, type BridgeTowerConfig } from "./config.js";
import { attentionBias, textLayer } from "./text-tower.js";
import { visionBlock } from "./vision-tower.js";

/** Image-text matching logits: no match, match. [batch, 2 hidden] -> [batch, 2] */
export const itmHead = (p: Scope, pooler_output: Tensor): Tensor => linear(p.at("itm_score.fc"), pooler_output, 2);

/** Masked-language-model logits: decoder(LN(act(dense(x)))) + bias. [batch, text, hidden] -> [batch, text, vocabulary] */
export function mlmHead(p: Scope, config: BridgeTowerConfig, text_features: Tensor): Tensor {
  const head = p.at("mlm_score");
  const { hidden_size: hidden, text_config: text } = config;
  const act = activations[config.hidden_act];
  const dense = act(linear(head.at("transform.dense"), text_features, hidden));
  const transformed = layerNorm(head.at("transform.LayerNorm"), dense, config.layer_norm_eps);
  const decoder = config.tie_word_embeddings
    ? p.at("text_model.embeddings.word_embeddings").parameter("weight", [text.vocab_size, hidden])
    : head.at("decoder").parameter("weight", [text.vocab_size, hidden]);
  return linearOp(transformed, decoder, head.parameter("bias", [text.vocab_size]));
}

/** norm(fc(x)): an embedding of unit length. [batch, inputs] -> [batch, contrastive_hidden_size] */
function itcHead(p: Scope, config: BridgeTowerConfig, x: Tensor): Tensor {
  return normalize(linear(p.at("fc"), x, contrastiveSize(config)));
}

function contrastiveSize({ contrastive_hidden_size }: BridgeTowerConfig): number {
  if (contrastive_hidden_size !== undefined) return contrastive_hidden_size;
  throw new InputError({
    code: "unsupported-task",
    where: "contrastive_hidden_size in config.json",
    expected: "the width of the contrastive embeddings",
    found: "nothing",
    hint: "Name a checkpoint with contrastive heads, such as BridgeTower/bridgetower-large-itm-mlm-itc",
  });
}

/**
 * The text tower's last state for the first token alone, which is all that an embedding reads.
 * @param below the tower's last state but one [batch, text, hidden] -> [batch, 1, hidden]
 */
export function lastTextToken(p: Scope, config: BridgeTowerConfig, below: Tensor, attention_mask: Tensor): Tensor {
  const layer = p.at("text_model.encoder.layer").at(config.text_config.num_hidden_layers - 1);
  return textLayer(layer, config.text_config, below, attentionBias(attention_mask), firstToken(below));
}

/**
 * The vision tower's last state for the class token alone.
 * @param below the tower's last state but one [batch, image, visionHidden] -> [batch, 1, visionHidden]
 */
export function lastImageToken(p: Scope, config: BridgeTowerConfig, below: Tensor): Tensor {
  const block = p.at("vision_model.visual.transformer.resblocks").at(visionBlocks(config) - 1);
  return visionBlock(block, config.vision_config, below, firstToken(below));
}

/** The text embedding. @param last the tower's last state [batch, 1 or more, hidden] -> [batch, contrastive_hidden_size] */
export const textEmbedding = (p: Scope, config: BridgeTowerConfig, last: Tensor): Tensor =>
  itcHead(p.at("itc_text_head"), config, firstRow(last));

/** The image embedding. @param last the tower's last state [batch, 1 or more, visionHidden] -> [batch, contrastive_hidden_size] */
export function imageEmbedding(p: Scope, config: BridgeTowerConfig, last: Tensor): Tensor {
  const token = firstToken(last);
  const read = {
    joint: () => transformImage(p, config, token, config.num_hidden_layers - 1),
    dual: () => postNorm(p, config, token),
  }[config.contrastive_form]();
  return itcHead(p.at("itc_image_head"), config, firstRow(read));
}

/** The joint embedding of a pair. [batch, 2 hidden] -> [batch, contrastive_hidden_size] */
export const pairEmbedding = (p: Scope, config: BridgeTowerConfig, pooler_output: Tensor): Tensor =>
  itcHead(p.at("itc_cross_modal_head"), config, pooler_output);

/**
 * A task's classifier: Linear, LN, GELU, Linear, or one Linear alone; names as in the authors' code. [batch, inputs] -> [batch, classes]
 * @param width inside the classifier
 */
function classifier(p: Scope, config: BridgeTowerConfig, x: Tensor, width: number, classes: number): Tensor {
  if (config.task_head_layers === 1) return linear(p.at(0), x, classes);
  return linear(p.at(3), gelu(layerNorm(p.at(1), linear(p.at(0), x, width), 1e-5)), classes);
}

/** Width inside a classifier. */
export const classifierWidth = ({
  hidden_size,
  head_hidden_scale,
}: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">): number =>
  Math.floor(2 * hidden_size * head_hidden_scale);

/** The `head_hidden_scale` under which classifiers are `width` wide inside. */
export function headHiddenScale(width: number, hidden_size: number): number {
  const head_hidden_scale = width / (2 * hidden_size);
  // The quotient itself may be rounded to below the width: half a column more.
  return classifierWidth({ hidden_size, head_hidden_scale }) === width
    ? head_hidden_scale
    : (width + 0.5) / (2 * hidden_size);
}

/** One logit for each answer. [batch, 2 hidden] -> [batch, vqav2_label_size] */
export const vqaHead = (p: Scope, config: BridgeTowerConfig, pooler_output: Tensor): Tensor =>
  classifier(p.at("vqa_classifier"), config, pooler_output, classifierWidth(config), config.vqav2_label_size);

/** Contradiction, neutral, entailment. [batch, 2 hidden] -> [batch, 3] */
export const snliHead = (p: Scope, config: BridgeTowerConfig, pooler_output: Tensor): Tensor =>
  classifier(p.at("snli_classifier"), config, pooler_output, classifierWidth(config), 3);

/**
 * False, true.
 * @param poolers pooled vectors of the statement with the first image and with the second [batch, 2 hidden] -> [batch, 2]
 */
export function nlvr2Head(p: Scope, config: BridgeTowerConfig, poolers: readonly [Tensor, Tensor]): Tensor {
  const both = dropout(p, concat(poolers, 1), config.nlvr2_drop_rate);
  return classifier(p.at("nlvr2_classifier"), config, both, classifierWidth(config), 2);
}

/** How well text and image fit, to rank texts against each other. [batch, 2 hidden] -> [batch, 1] */
export const rankHead = (p: Scope, pooler_output: Tensor): Tensor => linear(p.at("rank_output"), pooler_output, 1);
