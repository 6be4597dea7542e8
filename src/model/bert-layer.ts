/** The post-norm BERT layer of the text tower and of the cross-modal encoder: attention and feed-forward with residuals. */
import { add, cast, mul, reshape, sub, type Tensor } from "../graph/index.js";
import {
  activations,
  attend,
  dropout,
  sampleDropout,
  layerNorm,
  linear,
  splitContext,
  type Attended,
  type Context,
  type Scope,
} from "../nn/index.js";
import type { TextConfig } from "./config.js";

/** Added to attention scores: 0 for a token, the most negative float32 for padding. int64 [batch, text] -> float32 [batch, 1, 1, text] */
export function attentionBias(attention_mask: Tensor): Tensor {
  const [batch, text] = attention_mask.shape;
  const maxNegativeFloat32 = -3.4028234663852886e38;
  const padding = sub(1, cast(attention_mask, "float32"));
  return reshape(mul(padding, maxNegativeFloat32), [batch!, 1, 1, text!]);
}

/** Keys and values of `x` [batch, tokens, hidden] for the attention at `p`. */
export function attentionContext(p: Scope, config: TextConfig, x: Tensor): Context {
  const projected = (name: string) => linear(p.at("self").at(name), x, config.hidden_size);
  return splitContext(projected("key"), projected("value"), config.num_attention_heads);
}

/**
 * LN(dense(attention(x → context)) + x).
 * @param x [batch, queries, hidden]
 * @param bias `attentionBias` of the context's tokens
 * @returns output [batch, queries, hidden]
 */
export function attentionLayer(p: Scope, config: TextConfig, x: Tensor, context: Context, bias?: Tensor): Attended {
  const query = linear(p.at("self.query"), x, config.hidden_size);
  const { output, probabilities } = attend(query, context, config.num_attention_heads, {
    bias,
    dropout: (shape) => sampleDropout(p, shape, config.attention_probs_dropout_prob),
  });
  const dense = dropout(p, linear(p.at("output.dense"), output, config.hidden_size), config.hidden_dropout_prob);
  return { output: layerNorm(p.at("output.LayerNorm"), add(dense, x), config.layer_norm_eps), probabilities };
}

/** LN(dense(act(dense(x))) + x). [batch, tokens, hidden] -> [batch, tokens, hidden] */
export function feedForward(p: Scope, config: TextConfig, x: Tensor): Tensor {
  const act = activations[config.hidden_act];
  const wide = act(linear(p.at("intermediate.dense"), x, config.intermediate_size));
  const narrow = dropout(p, linear(p.at("output.dense"), wide, config.hidden_size), config.hidden_dropout_prob);
  return layerNorm(p.at("output.LayerNorm"), add(narrow, x), config.layer_norm_eps);
}
