/** The vision tower: CLIP's ViT, pre-norm. Reference: transformers 5.23 `BridgeTowerVisionModel`. */
import {
  add,
  concat,
  expand,
  linear as linearOp,
  reshape,
  slice,
  transpose,
  type Dim,
  type Tensor,
} from "../graph/index.js";
import { attend, layerNorm, linear, quickGelu, splitContext, type Scope } from "../nn/index.js";
import { patchesAlong, visionHeads, visionPositions, type VisionConfig } from "./config.js";
import { resizedPositions } from "./position-table.js";

/**
 * States of the vision tower: the embeddings, then the first `blocks` blocks, before `ln_post`.
 * @param embeddings output of `visionEmbeddings` [batch, image, hidden]
 */
export function visionTower(p: Scope, config: VisionConfig, embeddings: Tensor, blocks: number): Tensor[] {
  const states = [embeddings];
  for (let i = 0; i < blocks; i++) states.push(visionBlock(p, config, i, states[i]!));
  return states;
}

/**
 * ln_pre([class; patches] + positions): a convolution with kernel = stride = patch, as one matrix product over patches.
 * float32 [batch, 3, height, width] -> [batch, 1 + patches, hidden]
 */
export function visionEmbeddings(p: Scope, config: VisionConfig, pixel_values: Tensor): Tensor {
  const [batch, , height, width] = pixel_values.shape as readonly [Dim, Dim, number, number];
  const { hidden_size: hidden, num_channels: channels, patch_size: patch } = config;
  const rows = patchesAlong(config, height);
  const columns = patchesAlong(config, width);
  const whole = cropEnd(cropEnd(pixel_values, 2, rows * patch), 3, columns * patch);
  const split = reshape(whole, [batch, channels, rows, patch, columns, patch]);
  const patches = reshape(transpose(split, [0, 2, 4, 1, 3, 5]), [batch, rows * columns, channels * patch * patch]);

  const embeddings = p.at("embeddings");
  const kernel = embeddings.at("patch_embedding").parameter("weight", [hidden, channels, patch, patch]);
  const patchTokens = linearOp(patches, reshape(kernel, [hidden, channels * patch * patch]));
  const classToken = expand(embeddings.parameter("class_embedding", [hidden]), [batch, 1, hidden]);
  const tokens = concat([classToken, patchTokens], 1);
  return layerNorm(p.at("ln_pre"), add(tokens, positions(embeddings, config, rows, columns)), config.layer_norm_eps);
}

function cropEnd(x: Tensor, axis: number, size: number): Tensor {
  return x.shape[axis] === size ? x : slice(x, { axis, start: 0, end: size });
}

/** The position table for an image of `rows` × `columns` patches: as stored if it fits, else resized. -> [1 + patches, hidden] */
function positions(p: Scope, config: VisionConfig, rows: number, columns: number): Tensor {
  const side = patchesAlong(config, config.image_size);
  const table = p.at("position_embedding").parameter("weight", [visionPositions(config), config.hidden_size]);
  return rows === side && columns === side ? table : resizedPositions(table, side, rows, columns);
}

/**
 * Block `index` of CLIP's tower at `p`: r = x + attention(ln_1 x), then r + MLP(ln_2 r). Only the tokens in `queries` are
 * computed; they attend to all of x.
 * [batch, queries, hidden], [batch, image, hidden] -> [batch, queries, hidden]
 */
export function visionBlock(tower: Scope, config: VisionConfig, index: number, x: Tensor, queries: Tensor = x): Tensor {
  const p = tower.at("transformer.resblocks").at(index);
  const { hidden_size: hidden, layer_norm_eps: epsilon } = config;
  const project = inProjection(p.at("attn"), hidden);
  const normed = layerNorm(p.at("ln_1"), x, epsilon);
  const normedQueries = queries === x ? normed : layerNorm(p.at("ln_1"), queries, epsilon);
  const heads = visionHeads(config);
  const context = splitContext(project(normed, 1), project(normed, 2), heads);
  const { output } = attend(project(normedQueries, 0), context, heads);
  const residual = add(queries, linear(p.at("attn.out_proj"), output, hidden));
  const wide = quickGelu(linear(p.at("mlp.c_fc"), layerNorm(p.at("ln_2"), residual, epsilon), 4 * hidden));
  return add(residual, linear(p.at("mlp.c_proj"), wide, hidden));
}

/** Query (0), key (1) and value (2) projections, stored as thirds of one matrix. */
function inProjection(p: Scope, hidden: number): (x: Tensor, part: 0 | 1 | 2) => Tensor {
  const weight = p.parameter("in_proj_weight", [3 * hidden, hidden]);
  const bias = p.parameter("in_proj_bias", [3 * hidden]);
  const third = (t: Tensor, part: number) => slice(t, { axis: 0, start: part * hidden, end: (part + 1) * hidden });
  return (x, part) => linearOp(x, third(weight, part), third(bias, part));
}
