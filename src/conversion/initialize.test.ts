import { expect, test } from "vitest";
import { heads, parameterList, type BridgeTowerConfig } from "../model/index.js";
import { initializer, type InitializationScheme } from "./initialize.js";
import { Random } from "../random/index.js";
import { tiny } from "../learner/tiny-config.test-support.js";

const schemes: readonly InitializationScheme[] = ["transformers", "original"];
const factors = {
  initializer_factor: 0.5,
  text_config: { ...tiny().text_config, initializer_factor: 2 },
  vision_config: { ...tiny().vision_config, initializer_factor: 3, share_layernorm: false, num_hidden_layers: 4 },
};

const configs: Readonly<Record<string, object>> = {
  factors,
  "scaled links": { ...factors, link_tower_type: "scaled_add" },
  "interpolating links": { ...factors, link_tower_type: "interpolate" },
  "separate transforms": { share_cross_modal_transformer_layers: false },
  dual: { contrastive_form: "dual", task_head_layers: 1, token_type_count: 3 },
  "meter with gates": { model_type: "meter", meter_fusion: true },
};

/** With separate transforms the contrastive head of transformers does not exist. */
const headsFor = (name: string) => heads.filter((head) => head !== "itc" || name !== "separate transforms");

function parametersOf(name: string, config: BridgeTowerConfig) {
  const { used, unused } = parameterList(config, headsFor(name));
  return [...used, ...unused];
}

test.each(Object.keys(configs))("%s: one rule for every parameter, in both schemes", (name) => {
  const config = tiny(configs[name]);
  const parameters = parametersOf(name, config);
  expect(parameters.length).toBeGreaterThan(100);
  for (const scheme of schemes) {
    const draw = initializer(config, scheme, new Random(0));
    for (const parameter of parameters) expect(draw(parameter).every(Number.isFinite)).toBe(true);
  }
});

const width = 64;
const depth = 4;
/** Deviation by scheme, of config `factors`. */
const deviations: readonly [name: RegExp, transformers: number, original: number][] = [
  [/^text_model\..*(embeddings|dense|query|key|value)\.weight$/, 0.1, 0.02],
  [/^cross_modal_.*_layers.*(dense|query|key|value)\.weight$/, 0.025, 0.02],
  [/^cross_modal_(text|image)_(transform|pooler\.dense)\.weight$/, 0.025, 0.02],
  [/^token_type_embeddings\.weight$/, 0.025, 0.02],
  [/^(itm_score|itc_\w+_head)\.fc\.weight$/, 0.025, 0.02],
  [/^mlm_score\.(transform\.dense|decoder)\.weight$/, 0.025, 0.02],
  [/^(vqa|snli|nlvr2)_classifier\.[03]\.weight$/, 0.025, 0.02],
  [/patch_embedding\.weight$/, 0.15, 0.15],
  [/(class_embedding|position_embedding\.weight)$/, 3 / Math.sqrt(width), 3 / Math.sqrt(width)],
  [/in_proj_weight$/, 3 / Math.sqrt(width), 3 / Math.sqrt(width)],
  [/(out_proj|c_proj)\.weight$/, 3 / Math.sqrt(width * 2 * depth), 3 / Math.sqrt(width * 2 * depth)],
  [/c_fc\.weight$/, 3 / Math.sqrt(2 * width), 3 / Math.sqrt(2 * width)],
];

const config = tiny(factors);
const parameters = parametersOf("factors", config);
const draws = {
  transformers: initializer(config, "transformers", new Random(3)),
  original: initializer(config, "original", new Random(3)),
};

test.each(deviations)("%s: normal with mean 0 and deviation %s (transformers), %s (original)", (names, ...expected) => {
  const matching = parameters.filter(({ name }) => names.test(name));
  expect(matching.length).toBeGreaterThan(0);
  schemes.forEach((scheme, i) => {
    const values = matching.flatMap((parameter) => [...draws[scheme](parameter)].map((x) => x / expected[i]!));
    const mean = values.reduce((sum, x) => sum + x) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(values.length));
    expect(Math.abs(square - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
  });
});

const constants: readonly [config: string, names: RegExp, value: number, count: number][] = [
  ["factors", /bias$/, 0, 1],
  ["factors", /(LayerNorm|_layernorm|\.ln_\w+|ln_separate\.\d+|_classifier\.1)\.weight$/, 1, 40],
  ["factors", /^logit_scale$/, 2.6592, 1],
  ["dual", /^temperature$/, 0.07, 1],
  ["scaled links", /scaled_factor$/, 1, 2],
  ["interpolating links", /beta$/, 0.5, 2],
];

test.each(constants)("config %s: %s is %s", (name, names, value, count) => {
  const config = tiny(configs[name]);
  const matching = parametersOf(name, config).filter(({ name }) => names.test(name));
  expect(matching.length).toBeGreaterThanOrEqual(count);
  for (const scheme of schemes) {
    const draw = initializer(config, scheme, new Random(0));
    const found = new Set(matching.flatMap((parameter) => [...draw(parameter)]));
    expect([...found]).toEqual([Math.fround(value)]);
  }
});

test("values depend on seed and name, not on earlier samples", () => {
  const name = "itm_score.fc.weight";
  const parameter = { name, shape: [2, 6] };
  const alone = initializer(config, "original", new Random(9))(parameter);
  const draw = initializer(config, "original", new Random(9));
  const other = draw({ name: "snli_classifier.0.weight", shape: [2, 6] });
  expect(draw(parameter)).toEqual(alone);
  expect(draw(parameter)).not.toBe(alone);
  expect(other).not.toEqual(alone);
  expect(initializer(config, "original", new Random(8))(parameter)).not.toEqual(alone);
});

test("a name without a rule is an error of ours", () => {
  expect(() => draws.original({ name: "new_head.table", shape: [1] })).toThrow("new_head.table: 0 rules");
});
