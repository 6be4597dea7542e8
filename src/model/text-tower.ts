/** The text tower: RoBERTa, post-norm. Reference: transformers 5.23 `BridgeTowerTextModel`. */
import {
  add,
  cast,
  constant,
  cumulativeSum,
  equal,
  HostTensor,
  mul,
  reshape,
  slice,
  sub,
  type Tensor,
} from "../graph/index.js";
import { dropout, embedding, layerNorm, type Scope } from "../nn/index.js";
import { attentionBias, attentionContext, attentionLayer, feedForward } from "./bert-layer.js";
import type { TextConfig } from "./config.js";

/**
 * States of the text tower: the embeddings, then each layer.
 * @param input_ids @param attention_mask int64 [batch, text]
 * @returns [batch, text, hidden] each
 */
export function textTower(p: Scope, config: TextConfig, input_ids: Tensor, attention_mask: Tensor): Tensor[] {
  const bias = attentionBias(attention_mask);
  const states = [textEmbeddings(p.at("embeddings"), config, input_ids)];
  for (let i = 0; i < config.num_hidden_layers; i++) states.push(textLayer(p, config, i, states[i]!, { bias }));
  return states;
}

/** LN(word[id] + position + type 0). int64 [batch, text] -> [batch, text, hidden] */
function textEmbeddings(p: Scope, config: TextConfig, input_ids: Tensor): Tensor {
  const { hidden_size: hidden } = config;
  const word = embedding(p.at("word_embeddings"), input_ids, { rows: config.vocab_size, hidden });
  const position = embedding(p.at("position_embeddings"), positionIds(config, input_ids), {
    rows: config.max_position_embeddings,
    hidden,
  });
  const types = p.at("token_type_embeddings").parameter("weight", [config.type_vocab_size, hidden]);
  const type = reshape(slice(types, { axis: 0, start: 0, end: 1 }), [hidden]);
  const embedded = layerNorm(p.at("LayerNorm"), add(add(word, type), position), config.layer_norm_eps);
  return dropout(p, embedded, config.hidden_dropout_prob);
}

/** Tokens count up from pad + 1; padding stays at pad. Positions follow the ids, not the attention mask. */
function positionIds(config: TextConfig, input_ids: Tensor): Tensor {
  const pad = constant(new HostTensor("int64", [], BigInt64Array.of(BigInt(config.pad_token_id))));
  const one = constant(new HostTensor("int64", [], BigInt64Array.of(1n)));
  const isToken = sub(one, cast(equal(input_ids, pad), "int64"));
  return add(mul(cumulativeSum(isToken, 1), isToken), pad);
}

/**
 * Layer `index` of the tower at `p`. Only the tokens in `queries` are computed; they attend to all of `x`.
 * [batch, queries, hidden], [batch, text, hidden] -> [batch, queries, hidden]
 */
export function textLayer(
  p: Scope,
  config: TextConfig,
  index: number,
  x: Tensor,
  { bias, queries = x }: { readonly bias: Tensor; readonly queries?: Tensor },
): Tensor {
  const layer = p.at("encoder.layer").at(index);
  const attention = layer.at("attention");
  const { output } = attentionLayer(attention, config, queries, attentionContext(attention, config, x), bias);
  return feedForward(layer, config, output);
}
