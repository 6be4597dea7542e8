/**
 * The parameters of a checkpoint, found by tracing the model itself, so that names and shapes are written once. Those that
 * published files hold although no output reads them are declared here.
 */
import { input, type Parameter } from "../graph/index.js";
import { layerNorm, linear, Scope } from "../nn/index.js";
import {
  crossModalEncoder,
  imageBridge,
  imageEmbeddings,
  pooled,
  textBridge,
  textTower,
  visionTower,
} from "./bridgetower.js";
import { visionDepth, type BridgeTowerConfig } from "./config.js";
import { contrastiveLoss, imageEmbedding, itmHead, mlmHead, pairEmbedding, textEmbedding } from "./heads.js";
import { visionBlock } from "./vision-tower.js";

export type Head = "itm" | "mlm" | "itc";

export interface ParameterList {
  /** Read by an output of the model or of its heads. */
  readonly used: readonly Parameter[];
  /** In published files, but read by nothing: may be missing. */
  readonly unused: readonly Parameter[];
}

/** Names and shapes of everything a checkpoint of this config with these heads holds; names without `bridgetower.` prefix. */
export function parameterList(config: BridgeTowerConfig, heads: readonly Head[]): ParameterList {
  const p = Scope.root();
  const ids = input("input_ids", "int64", ["batch", "text"]);
  const mask = input("attention_mask", "int64", ["batch", "text"]);
  const { image_size, num_channels } = config.vision_config;
  const pixels = input("pixel_values", "float32", ["batch", num_channels, image_size, image_size]);
  const textStates = textTower(p, config, ids, mask);
  const visionStates = visionTower(p, config, imageEmbeddings(p, config, pixels));
  const text = textBridge(p, config, textStates, mask);
  const image = imageBridge(p, config, visionStates);
  const last = crossModalEncoder(p, config, text, image, mask, "all").at(-1)!;
  const pooler_output = pooled(p, config, last);
  if (heads.includes("itm")) itmHead(p, pooler_output);
  if (heads.includes("mlm")) mlmHead(p, config, last.text);
  if (heads.includes("itc")) {
    contrastiveLoss(p, {
      text: textEmbedding(p, config, textStates.at(-2)!, mask),
      image: imageEmbedding(p, config, visionStates.at(-2)!),
      cross: pairEmbedding(p, config, pooler_output),
    });
  }
  const used = p.parameters();
  declareUnused(p, config);
  return { used, unused: p.parameters().slice(used.length) };
}

function declareUnused(p: Scope, config: BridgeTowerConfig): void {
  const { text_config: text, vision_config: vision } = config;
  const visual = p.at("vision_model.visual");
  linear(p.at("text_model.pooler.dense"), input("state", "float32", [1, text.hidden_size]), text.hidden_size);
  const state = input("state", "float32", [1, 1, vision.hidden_size]);
  for (let i = text.num_hidden_layers; i < visionDepth(vision); i++) {
    visionBlock(visual.at("transformer.resblocks").at(i), vision, state);
  }
  if (!vision.share_layernorm) {
    for (let i = 0; i < vision.num_hidden_layers; i++) {
      layerNorm(visual.at("ln_separate").at(i), state, vision.layer_norm_eps);
    }
  }
}
