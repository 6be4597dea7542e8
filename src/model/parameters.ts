/**
 * The parameters of a checkpoint, found by tracing the model itself, so that names and shapes are written once. Those that
 * published files hold although no output reads them are declared here.
 */
import { input, type Parameter } from "../graph/index.js";
import { layerNorm, linear, Scope } from "../nn/index.js";
import { visionDepth, type BridgeTowerConfig } from "./config.js";
import { nativePicture, wholeModel } from "./graphs.js";
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
  const model = wholeModel(config, nativePicture(config), "all", p);
  if (heads.includes("itm")) model.itmLogits();
  if (heads.includes("mlm")) model.mlmLogits();
  if (heads.includes("itc")) model.contrastiveLoss();
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
