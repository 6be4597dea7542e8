/**
 * The parameters of a checkpoint, found by tracing the model itself, so that names and shapes are written once. Those that
 * published files hold although no output reads them are declared here.
 */
import { input, type Parameter } from "../graph/index.js";
import { layerNorm, linear, Scope } from "../nn/index.js";
import { visionBlocks, visionDepth, type BridgeTowerConfig } from "./config.js";
import { nativeImage, wholeModel, type WholeModel } from "./graphs.js";
import { temperature } from "./contrastive.js";
import { nlvr2Head, rankHead, snliHead, vqaHead } from "./heads.js";
import { visionBlock } from "./vision-tower.js";

export const heads = ["itm", "mlm", "itc", "vqa", "snli", "nlvr2", "rank"] as const;
export type Head = (typeof heads)[number];

const headNames =
  /^((itm|mlm)_score|itc_(text|image|cross_modal)_head|(vqa|snli|nlvr2)_classifier|rank_output)\.|^(logit_scale|temperature)$/;

/** Whether a parameter belongs to a head, which head classes hold beside the model: transformers gives it no prefix. */
export const isHeadParameter = (name: string): boolean => headNames.test(name);

export interface ParameterList {
  /** Read by an output of the model or of its heads. */
  readonly used: readonly Parameter[];
  /** In published files, but read by nothing: may be missing. */
  readonly unused: readonly Parameter[];
}

/** Names and shapes of everything a checkpoint of this config with these heads holds; names without `bridgetower.` prefix. */
export function parameterList(config: BridgeTowerConfig, heads: readonly Head[]): ParameterList {
  const p = Scope.root();
  const model = wholeModel(config, nativeImage(config), "all", p);
  const { pooler_output } = model;
  const declare: Record<Head, () => unknown> = {
    itm: () => model.itmLogits(),
    mlm: () => model.mlmLogits(),
    itc: () => (config.contrastive_form === "joint" ? model.contrastiveLoss() : declareDual(p, model)),
    vqa: () => vqaHead(p, config, pooler_output),
    snli: () => snliHead(p, config, pooler_output),
    nlvr2: () => nlvr2Head(p, config, [pooler_output, pooler_output]),
    rank: () => rankHead(p, pooler_output),
  };
  for (const head of heads) declare[head]();
  const used = p.parameters();
  declareUnused(p, config);
  return { used, unused: p.parameters().slice(used.length) };
}

function declareDual(p: Scope, model: WholeModel): void {
  model.text_embeds();
  model.image_embeds();
  temperature(p);
}

function declareUnused(p: Scope, config: BridgeTowerConfig): void {
  const { text_config: text, vision_config: vision } = config;
  const visual = p.at("vision_model.visual");
  linear(p.at("text_model.pooler.dense"), input("state", "float32", [1, text.hidden_size]), text.hidden_size);
  const state = input("state", "float32", [1, 1, vision.hidden_size]);
  for (let i = visionBlocks(config); i < visionDepth(vision); i++) {
    visionBlock(visual.at("transformer.resblocks").at(i), vision, state);
  }
  if (!vision.share_layernorm) {
    for (let i = 0; i < vision.num_hidden_layers; i++) {
      layerNorm(visual.at("ln_separate").at(i), state, vision.layer_norm_eps);
    }
  }
}
