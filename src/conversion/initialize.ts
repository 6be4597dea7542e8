/** The two published random initialisations, for parameters that no starting point has. */
import type { Parameter } from "../graph/index.js";
import { headStart, type BridgeTowerConfig } from "../model/index.js";
import type { Random } from "../random/index.js";

/**
 * `transformers`: transformers 5.23 `_init_weights`. `original`: the authors', normal with standard deviation 0.02 for parameters that CLIP
 * lacks, and CLIP's own rules for the vision tower.
 */
export type InitializationScheme = "transformers" | "original";

/** A parameter's first values: all alike, or normal around 0. */
type Distribution = { readonly constant: number } | { readonly deviation: number };

interface Rule {
  readonly names: RegExp;
  readonly distribution: (config: BridgeTowerConfig, scheme: InitializationScheme) => Distribution;
}

const constant = (value: number) => (): Distribution => ({ constant: value });

/** Deviation of a weight of the vision tower: 1 / √(width that `inverse` gives) times the tower's factor. */
const vision =
  (inverse: (width: number, depth: number) => number): Rule["distribution"] =>
  ({ vision_config: { hidden_size, num_hidden_layers, initializer_factor } }) => ({
    deviation: inverse(hidden_size, num_hidden_layers) ** -0.5 * initializer_factor,
  });

const normal =
  (factor: (config: BridgeTowerConfig) => number): Rule["distribution"] =>
  (config, scheme) => ({ deviation: scheme === "original" ? 0.02 : 0.05 * factor(config) });

const linearWeights = normal(({ initializer_factor }) => initializer_factor);

/** The name of every parameter of the model matches one of these; those of heads are in the table of heads. */
const rules: readonly Rule[] = [
  { names: /bias$/, distribution: constant(0) },
  { names: /(LayerNorm|_layernorm|\bln_(1|2|pre|post|separate\.\d+))\.weight$/, distribution: constant(1) },
  { names: /\.(class_embedding|position_embedding\.weight|in_proj_weight)$/, distribution: vision((width) => width) },
  { names: /\.(out_proj|c_proj)\.weight$/, distribution: vision((width, depth) => width * 2 * depth) },
  { names: /\.c_fc\.weight$/, distribution: vision((width) => 2 * width) },
  {
    names: /\.patch_embedding\.weight$/,
    distribution: ({ vision_config }) => ({ deviation: 0.05 * vision_config.initializer_factor }),
  },
  {
    names: /^text_model\..*(_embeddings|dense|query|key|value)\.weight$/,
    distribution: normal(({ text_config }) => text_config.initializer_factor),
  },
  {
    names:
      /^(?!text_model\.|vision_model\.).*(dense|query|key|value|_transform(\.\d+)?|token_type_embeddings|_gate)\.weight$/,
    distribution: linearWeights,
  },
  { names: /\.scaled_factor$/, distribution: constant(1) },
  { names: /\.beta$/, distribution: constant(0.5) },
];

/**
 * Samples a parameter's first values from the seed and the parameter's name alone: the order and the selection of parameters do not matter.
 * Among them `rank_output`, which starts as a copy of `itm_score` if there is one.
 * @example
 * import { readFile } from "node:fs/promises";
 *
 * const config = parseConfig(JSON.parse(await readFile("models/emoji/config.json", "utf8")));
 * const initialize = initializer(config, "transformers", new Random(0));
 * console.log(initialize({ name: "itm_score.fc.bias", shape: [2] })); // Float32Array(2) [ 0, 0 ]
 */
export function initializer(
  config: BridgeTowerConfig,
  scheme: InitializationScheme,
  random: Random,
): (parameter: Pick<Parameter, "name" | "shape">) => Float32Array<ArrayBuffer> {
  return ({ name, shape }) => {
    const values = new Float32Array(shape.reduce<number>((size, dimension) => size * Number(dimension), 1));
    const distribution = distributionOf(name, config, scheme);
    if ("constant" in distribution) return values.fill(distribution.constant);
    random.at(name).fillNormal(values, distribution.deviation);
    return values;
  };
}

function distributionOf(name: string, config: BridgeTowerConfig, scheme: InitializationScheme): Distribution {
  const head = headStart(name, config);
  if (head === "normal") return linearWeights(config, scheme);
  if (head !== undefined) return { constant: head };
  const matching = rules.filter(({ names }) => names.test(name));
  const [rule] = matching;
  if (rule === undefined || matching.length > 1) {
    throw new Error(`${name}: ${matching.length} rules of initialisation match, one is needed`);
  }
  return rule.distribution(config, scheme);
}
