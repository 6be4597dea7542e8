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
import {
  activations,
  attend,
  dropout,
  embedding,
  layerNorm,
  linear,
  splitContext,
  type Attended,
  type Context,
  type Scope,
} from "../nn/index.js";
import type { TextConfig } from "./config.js";

/** LN(word[id] + position + type 0). int64 [batch, text] -> [batch, text, hidden] */
export function textEmbeddings(p: Scope, config: TextConfig, input_ids: Tensor): Tensor {
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
 * What is added to attention scores: 0 for a token, the most negative float32 for padding.
 * int64 [batch, text] -> float32 [batch, 1, 1, text]
 */
export function attentionBias(attention_mask: Tensor): Tensor {
  const [batch, text] = attention_mask.shape;
  const padding = sub(1, cast(attention_mask, "float32"));
  return reshape(mul(padding, maxNegativeFloat32), [batch!, 1, 1, text!]);
}

const maxNegativeFloat32 = -3.4028234663852886e38;

/** Keys and values that `x` [batch, tokens, hidden] offers to the attention at `p`. */
export function attentionContext(p: Scope, config: TextConfig, x: Tensor): Context {
  const projected = (name: string) => linear(p.at("self").at(name), x, config.hidden_size);
  return splitContext(projected("key"), projected("value"), config.num_attention_heads);
}

/**
 * LN(dense(attention(x → context)) + x): one attention with its residual, in text and cross-modal layers.
 * @param x [batch, queries, hidden] @returns output [batch, queries, hidden]
 */
export function attentionLayer(p: Scope, config: TextConfig, x: Tensor, context: Context, mask?: Tensor): Attended {
  const query = linear(p.at("self.query"), x, config.hidden_size);
  const { output, probabilities } = attend(query, context, config.num_attention_heads, {
    mask,
    drop: (weights) => dropout(p, weights, config.attention_probs_dropout_prob),
  });
  const dense = dropout(p, linear(p.at("output.dense"), output, config.hidden_size), config.hidden_dropout_prob);
  return { output: layerNorm(p.at("output.LayerNorm"), add(dense, x), config.layer_norm_eps), probabilities };
}

/** LN(dense(act(dense(x))) + x), in text and cross-modal layers. [batch, tokens, hidden] -> the same */
export function feedForward(p: Scope, config: TextConfig, x: Tensor): Tensor {
  const act = activations[config.hidden_act];
  const wide = act(linear(p.at("intermediate.dense"), x, config.intermediate_size));
  const narrow = dropout(p, linear(p.at("output.dense"), wide, config.hidden_size), config.hidden_dropout_prob);
  return layerNorm(p.at("output.LayerNorm"), add(narrow, x), config.layer_norm_eps);
}

/**
 * A RoBERTa layer. Only the tokens in `queries` are computed; they attend to all of `x`.
 * [batch, queries, hidden], [batch, text, hidden] -> [batch, queries, hidden]
 */
export function textLayer(p: Scope, config: TextConfig, x: Tensor, mask: Tensor, queries = x): Tensor {
  const attention = p.at("attention");
  const { output } = attentionLayer(attention, config, queries, attentionContext(attention, config, x), mask);
  return feedForward(p, config, output);
}
