/** Task heads over the encoder's outputs. Reference: the head classes of transformers 5.23 `modeling_bridgetower`. */
import { InputError } from "../errors.js";
import {
  add,
  div,
  exp,
  linear as linearOp,
  logSumExp,
  matmul,
  mul,
  reshape,
  sub,
  sum,
  transposeMatrix,
  type Tensor,
} from "../graph/index.js";
import { activations, layerNorm, linear, mean, normalize, type Scope } from "../nn/index.js";
import { firstToken, transformImage } from "./bridgetower.js";
import type { BridgeTowerConfig } from "./config.js";
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
    where: "contrastive_hidden_size in config.json",
    expected: "the width of the contrastive embeddings",
    found: "nothing",
    mend: "Name a checkpoint with contrastive heads, such as BridgeTower/bridgetower-large-itm-mlm-itc",
  });
}

/**
 * The text embedding. The last layer is computed for its first token only.
 * @param below the tower's last state but one [batch, text, hidden] -> [batch, contrastive_hidden_size]
 */
export function textEmbedding(p: Scope, config: BridgeTowerConfig, below: Tensor, attention_mask: Tensor): Tensor {
  const layer = p.at("text_model.encoder.layer").at(config.text_config.num_hidden_layers - 1);
  const last = textLayer(layer, config.text_config, below, attentionBias(attention_mask), firstToken(below));
  return itcHead(p.at("itc_text_head"), config, reshape(last, [last.shape[0]!, config.hidden_size]));
}

/**
 * The image embedding: last block, ln_post, last transform and token type, all for the class token only.
 * @param below the tower's last state but one [batch, image, visionHidden] -> [batch, contrastive_hidden_size]
 */
export function imageEmbedding(p: Scope, config: BridgeTowerConfig, below: Tensor): Tensor {
  const block = p.at("vision_model.visual.transformer.resblocks").at(config.text_config.num_hidden_layers - 1);
  const last = visionBlock(block, config.vision_config, below, firstToken(below));
  const transformed = transformImage(p, config, last, config.num_hidden_layers - 1);
  return itcHead(p.at("itc_image_head"), config, reshape(transformed, [last.shape[0]!, config.hidden_size]));
}

/** The joint embedding of a pair. [batch, 2 hidden] -> [batch, contrastive_hidden_size] */
export const pairEmbedding = (p: Scope, config: BridgeTowerConfig, pooler_output: Tensor): Tensor =>
  itcHead(p.at("itc_cross_modal_head"), config, pooler_output);

/**
 * (CE(k·t iᵀ) + CE(k·t cᵀ) + CE(k·i cᵀ)) / 3 with k = exp(logit_scale) and the diagonal as targets, rows only.
 * @param embeds text, image and pair embeddings [batch, contrastive_hidden_size] each
 */
export function contrastiveLoss(p: Scope, embeds: { text: Tensor; image: Tensor; cross: Tensor }): Tensor {
  const scale = exp(p.parameter("logit_scale", []));
  const rowLoss = (queries: Tensor, targets: Tensor) => {
    const logits = mul(matmul(queries, transposeMatrix(targets)), scale);
    const diagonal = mul(sum(mul(queries, targets), { axes: [-1] }), scale);
    return mean(sub(logSumExp(logits, { axes: [-1] }), diagonal));
  };
  const { text, image, cross } = embeds;
  return div(add(add(rowLoss(text, image), rowLoss(text, cross)), rowLoss(image, cross)), 3);
}
