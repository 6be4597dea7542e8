/** The parameters of a checkpoint, found by tracing the model itself, so that names and shapes are written once. */
import { concat, input, type Parameter, type Tensor } from "../graph/index.js";
import { layerNorm, linear, Scope } from "../nn/index.js";
import { bridgeTower } from "./bridgetower.js";
import { nativeImage, visionBlocks, visionDepth, type BridgeTowerConfig } from "./config.js";
import type { HeadModule } from "./head-entry.js";
import { headEntry, heads, type Head } from "./heads.js";
import { visionBlock } from "./vision-tower.js";

export interface ParameterList {
  /** Read by an output of the model or of its heads. */
  readonly used: readonly Parameter[];
  /** In published files, but no output reads them: they may be missing. */
  readonly unused: readonly Parameter[];
}

/**
 * Names and shapes of all parameters of a checkpoint of this config with these heads; names without `bridgetower.` prefix.
 * @example
 * import { readFile } from "node:fs/promises";
 *
 * const config = parseConfig(JSON.parse(await readFile("models/emoji/config.json", "utf8")));
 * const { used } = parameterList(config, ["itm"]);
 * console.log(used.at(-1)!.name, used.at(-1)!.shape); // itm_score.fc.bias [ 2 ]
 */
export function parameterList(config: BridgeTowerConfig, wanted: readonly Head[]): ParameterList {
  const p = Scope.root();
  const { height, width } = nativeImage(config);
  const { text, image, levels, pooler_output } = bridgeTower(p, config, {
    input_ids: input("input_ids", "int64", ["batch", "text"]),
    attention_mask: input("attention_mask", "int64", ["batch", "text"]),
    pixel_values: input("pixel_values", "float32", ["batch", config.vision_config.num_channels, height, width]),
  });
  const headInputs = {
    textToken: text.firstToken,
    imageToken: image.firstToken,
    textFeatures: () => levels.at(-1)!.text,
    pooled: () => pooler_output,
    bothPooled: () => concat([pooler_output, pooler_output], 1),
  };
  for (const { outputs, scalars = {} } of wanted.map(headEntry)) {
    for (const { reads, build, needs, isOptional = false } of Object.values(outputs)) {
      if (!isOptional || needs?.holds(config) !== false) build(p, config, headInputs[reads]());
    }
    for (const [name, { isUsed }] of Object.entries(scalars)) if (isUsed(config)) p.parameter(name, []);
  }
  const used = p.parameters();
  declareUnused(p, config);
  return { used, unused: p.parameters().slice(used.length) };
}

function declareUnused(p: Scope, config: BridgeTowerConfig): void {
  const { text_config: text, vision_config: vision } = config;
  const visual = p.at("vision_model.visual");
  linear(p.at("text_model.pooler.dense"), input("state", "float32", [1, text.hidden_size]), text.hidden_size);
  const state: Tensor = input("state", "float32", [1, 1, vision.hidden_size]);
  for (let i = visionBlocks(config); i < visionDepth(vision); i++) visionBlock(visual, vision, i, state);
  if (!vision.share_layernorm) {
    for (let i = 0; i < vision.num_hidden_layers; i++) {
      layerNorm(visual.at("ln_separate").at(i), state, vision.layer_norm_eps);
    }
  }
}

/** The heads with all parameters in a file of weights, or with `partial` any. @param has whether it has a parameter */
export function presentHeads(
  config: BridgeTowerConfig,
  has: (name: string) => boolean,
  { partial = false } = {},
): Head[] {
  const body = new Set(parameterList(config, []).used.map(({ name }) => name));
  return heads.filter((head) => {
    if (headEntry(head).fits?.(config) === false) return false;
    const names = parameterList(config, [head]).used.map(({ name }) => name);
    return partial ? names.some((name) => !body.has(name) && has(name)) : names.every((n) => body.has(n) || has(n));
  });
}

/** Modules and scalars of all heads, by the first part of their parameters' names. */
export const headModules: ReadonlyMap<string, HeadModule> = new Map(
  heads.flatMap((head) => {
    const { modules, scalars = {} } = headEntry(head);
    const none: HeadModule = { learningRate: "base" };
    return [...Object.entries(modules), ...Object.keys(scalars).map((name) => [name, none] as const)];
  }),
);

/** Whether a parameter belongs to a head, which head classes have beside the model: transformers gives it no prefix. */
export const isHeadParameter = (name: string): boolean => headModules.has(name.split(".")[0]!);

/** How a head's parameter starts: at a value, or `normal` as the model's linear layers do. `undefined` for other parameters. */
export function headStart(name: string, config: BridgeTowerConfig): number | "normal" | undefined {
  const [first, ...rest] = name.split(".");
  const module = headModules.get(first!);
  if (module === undefined) return undefined;
  if (rest.length === 0) {
    const scalar = heads.map((head) => headEntry(head).scalars?.[name]).find((one) => one !== undefined);
    if (scalar !== undefined) return scalar.start(config);
  }
  if (rest.at(-1) === "bias") return 0;
  return module.ones?.includes(rest.join(".")) === true ? 1 : "normal";
}
