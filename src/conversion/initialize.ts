/** The two published random initialisations, for parameters that no starting point holds: one table, by name. */
import type { Parameter } from "../graph/index.js";
import type { BridgeTowerConfig } from "../model/index.js";
import type { Random } from "../random/index.js";

/**
 * `transformers`: transformers 5.23 `_init_weights`. `original`: the authors', normal with deviation 0.02 for what CLIP does not
 * hold, and CLIP's own rules for the vision tower.
 */
export type InitializationScheme = "transformers" | "original";

/** A parameter's first values: all alike, or normal around 0. */
type Distribution = { readonly constant: number } | { readonly deviation: number };

interface Rule {
  readonly names: RegExp;
  readonly draw: (config: BridgeTowerConfig, scheme: InitializationScheme) => Distribution;
}

/** ln(1 / 0.07), as the published files round it. */
const publishedLogitScale = 2.6592;

const constant = (value: number) => (): Distribution => ({ constant: value });

/** Deviation of a weight of the vision tower: 1 / √(width that `inverse` tells) times the tower's factor. */
const vision =
  (inverse: (width: number, depth: number) => number): Rule["draw"] =>
  ({ vision_config: { hidden_size, num_hidden_layers, initializer_factor } }) => ({
    deviation: inverse(hidden_size, num_hidden_layers) ** -0.5 * initializer_factor,
  });

const normal =
  (factor: (config: BridgeTowerConfig) => number): Rule["draw"] =>
  (config, scheme) => ({ deviation: scheme === "original" ? 0.02 : 0.05 * factor(config) });

/** Every parameter's name matches one of these. */
const rules: readonly Rule[] = [
  { names: /bias$/, draw: constant(0) },
  { names: /(LayerNorm|_layernorm|\bln_(1|2|pre|post|separate\.\d+)|_classifier\.1)\.weight$/, draw: constant(1) },
  { names: /\.(class_embedding|position_embedding\.weight|in_proj_weight)$/, draw: vision((width) => width) },
  { names: /\.(out_proj|c_proj)\.weight$/, draw: vision((width, depth) => width * 2 * depth) },
  { names: /\.c_fc\.weight$/, draw: vision((width) => 2 * width) },
  {
    names: /\.patch_embedding\.weight$/,
    draw: ({ vision_config }) => ({ deviation: 0.05 * vision_config.initializer_factor }),
  },
  {
    names: /^text_model\..*(_embeddings|dense|query|key|value)\.weight$/,
    draw: normal(({ text_config }) => text_config.initializer_factor),
  },
  {
    names:
      /^(?!text_model\.|vision_model\.).*(dense|query|key|value|_transform(\.\d+)?|token_type_embeddings|fc|decoder|_classifier\.[03]|rank_output|_gate)\.weight$/,
    draw: normal(({ initializer_factor }) => initializer_factor),
  },
  {
    names: /^logit_scale$/,
    draw: ({ logit_scale_init_value = publishedLogitScale }) => ({ constant: logit_scale_init_value }),
  },
  { names: /^temperature$/, draw: constant(0.07) },
  { names: /\.scaled_factor$/, draw: constant(1) },
  { names: /\.beta$/, draw: constant(0.5) },
];

/**
 * Draws a parameter's first values, from the seed and the parameter's name alone: the order of parameters, and which of them
 * are asked for, change nothing. Among them `rank_output`, which starts as a copy of `itm_score` wherever there is one.
 */
export function initializer(
  config: BridgeTowerConfig,
  scheme: InitializationScheme,
  random: Random,
): (parameter: Pick<Parameter, "name" | "shape">) => Float32Array<ArrayBuffer> {
  return ({ name, shape }) => {
    const values = new Float32Array(shape.reduce<number>((size, dimension) => size * Number(dimension), 1));
    const distribution = ruleFor(name).draw(config, scheme);
    if ("constant" in distribution) return values.fill(distribution.constant);
    random.at(name).fillNormal(values, distribution.deviation);
    return values;
  };
}

function ruleFor(name: string): Rule {
  const matching = rules.filter(({ names }) => names.test(name));
  const [rule] = matching;
  if (rule === undefined || matching.length > 1) {
    throw new Error(`${name}: ${matching.length} rules of initialisation match, one is needed`);
  }
  return rule;
}
