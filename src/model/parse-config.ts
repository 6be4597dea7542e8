/**
 * Reads `config.json` as the published files write it: the default and the limits of every field in one table, because old
 * files omit each field that equals its default.
 */
import { InputError, nearestHint, shortJson } from "../errors.js";
import { activations, type ActivationName } from "../nn/index.js";
import {
  classifierWidth,
  defaultLogitScale,
  maxTextLength,
  splitIndex,
  visionDepth,
  visionHeads,
  type BridgeTowerConfig,
  type TextConfig,
  type VisionConfig,
} from "./config.js";

interface Rule<T> {
  readonly expected: string;
  /** The names to choose from. */
  readonly choices?: readonly string[];
  readonly fallback: T;
  readonly accepts: (value: unknown) => value is T;
}

const size = (fallback: number, { min = 1, max = 1_000_000 } = {}): Rule<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  fallback,
  accepts: (value): value is number => Number.isInteger(value) && min <= Number(value) && Number(value) <= max,
});
const number = (expected: string, fallback: number, isAllowed: (value: number) => boolean): Rule<number> => ({
  expected,
  fallback,
  accepts: (value): value is number => typeof value === "number" && Number.isFinite(value) && isAllowed(value),
});
const nonNegative = (fallback: number) => number("a finite number, 0 or more", fallback, (value) => value >= 0);
const positive = (fallback: number) => number("a finite number above 0", fallback, (value) => value > 0);
const probability = (fallback: number) => number("a number from 0 to 1", fallback, (value) => value >= 0 && value <= 1);
const flag = (fallback: boolean): Rule<boolean> => ({
  expected: "true or false",
  fallback,
  accepts: (value): value is boolean => typeof value === "boolean",
});
const oneOf = <T extends string>(names: readonly T[], fallback: T): Rule<T> => ({
  expected: `one of ${names.join(", ")}`,
  choices: names,
  fallback,
  accepts: (value): value is T => names.some((name) => name === value),
});
const optional = (rule: Rule<number>): Rule<number | undefined> => ({
  expected: rule.expected,
  fallback: undefined,
  accepts: (value): value is number | undefined => value === undefined || rule.accepts(value),
});

type Rules<T> = { readonly [K in keyof T]: Rule<T[K]> };

const activation = oneOf(Object.keys(activations) as ActivationName[], "gelu");
const width = (fallback: number) => size(fallback, { max: 65_536 });
const depth = (fallback: number) => size(fallback, { max: 1_000 });

const textRules: Rules<TextConfig> = {
  vocab_size: size(50_265, { max: 10_000_000 }),
  hidden_size: width(768),
  num_hidden_layers: depth(12),
  num_attention_heads: depth(12),
  intermediate_size: width(3_072),
  hidden_act: activation,
  hidden_dropout_prob: probability(0.1),
  attention_probs_dropout_prob: probability(0.1),
  max_position_embeddings: size(514),
  type_vocab_size: size(1),
  layer_norm_eps: positive(1e-5),
  initializer_factor: nonNegative(1),
  pad_token_id: size(1, { min: 0, max: 10_000_000 }),
};

const visionRules: Rules<VisionConfig> = {
  hidden_size: width(768),
  num_hidden_layers: depth(12),
  num_channels: size(3, { max: 16 }),
  patch_size: size(16, { max: 4_096 }),
  image_size: size(288, { max: 16_384 }),
  initializer_factor: nonNegative(1),
  layer_norm_eps: positive(1e-5),
  share_layernorm: flag(true),
  remove_last_layer: flag(false),
};

const rules: Rules<Omit<BridgeTowerConfig, "model_type" | "text_config" | "vision_config">> = {
  hidden_size: width(768),
  num_hidden_layers: depth(6),
  layer_norm_eps: positive(1e-5),
  hidden_act: activation,
  initializer_factor: nonNegative(1),
  share_cross_modal_transformer_layers: flag(true),
  share_link_tower_layers: flag(false),
  link_tower_type: oneOf(["add", "scaled_add", "interpolate"], "add"),
  tie_word_embeddings: flag(false),
  contrastive_hidden_size: optional(width(512)),
  logit_scale_init_value: optional(nonNegative(defaultLogitScale)),
  contrastive_form: oneOf(["joint", "dual"], "joint"),
  token_type_count: size(2, { min: 2, max: 3 }),
  meter_fusion: flag(false),
  vqav2_label_size: size(3_129),
  task_head_layers: size(2, { max: 2 }),
  head_hidden_scale: positive(1),
  nlvr2_drop_rate: probability(0.1),
};

/**
 * A validated config with all defaults filled in. Fields that transformers' forward pass does not read are ignored
 * (`stop_gradient`, `init_layernorm_from_vision_encoder`, `bos_token_id`, `eos_token_id`), and so are unknown ones: versions of
 * the library differ in what they write.
 * @param json the parsed content of `config.json`
 * @param where how messages name the file
 * @throws InputError naming the field that is wrong or contradicts another
 * @example
 * import { readFile } from "node:fs/promises";
 *
 * const config = parseConfig(JSON.parse(await readFile("models/emoji/config.json", "utf8")));
 * console.log(config.hidden_size, config.text_config.layer_norm_eps); // 192 0.00001
 */
export function parseConfig(json: unknown, where = "config.json"): BridgeTowerConfig {
  const top = objectAt(json, where);
  const { model_type } = top;
  if (model_type !== "bridgetower" && model_type !== "meter") {
    throw new InputError({
      code: "invalid-config",
      where: `model_type in ${where}`,
      expected: '"bridgetower" or "meter"',
      found: shortJson(model_type),
      hint: "Pass the folder of a BridgeTower checkpoint",
    });
  }
  const config: BridgeTowerConfig = {
    model_type,
    ...applyRules(rules, top, where),
    text_config: applyRules(
      textRules,
      objectAt(top.text_config ?? {}, `text_config in ${where}`),
      where,
      "text_config.",
    ),
    vision_config: applyRules(
      visionRules,
      objectAt(top.vision_config ?? {}, `vision_config in ${where}`),
      where,
      "vision_config.",
    ),
  };
  checkConsistency(config, top, where);
  return config;
}

function objectAt(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new InputError({
    code: "invalid-config",
    where,
    expected: "a JSON object",
    found: Array.isArray(value) ? "an array" : typeOf(value),
  });
}

const typeOf = (value: unknown): string => (value === null ? "null" : `a ${typeof value}`);

function applyRules<T extends object>(
  table: Rules<T>,
  given: Readonly<Record<string, unknown>>,
  where: string,
  path = "",
): T {
  const fields = Object.entries<Rule<unknown>>(table).map(([name, rule]) => {
    // JSON has no undefined: `null` means "not set" in files of every version.
    const value = Object.hasOwn(given, name) ? (given[name] ?? undefined) : undefined;
    if (value === undefined) return [name, rule.fallback] as const;
    if (!rule.accepts(value)) {
      throw new InputError({
        code: "invalid-config",
        where: `${path}${name} in ${where}`,
        expected: rule.expected,
        found: shortJson(value),
        hint: nearestHint(value, rule.choices ?? []),
      });
    }
    return [name, value] as const;
  });
  // Each field was checked by the rule of its own type.
  return Object.fromEntries(fields) as T;
}

function checkConsistency(config: BridgeTowerConfig, top: Readonly<Record<string, unknown>>, where: string): void {
  const { text_config: text, vision_config: vision } = config;
  const check = (holds: boolean, field: string, expected: string, found: number | string) => {
    if (holds) return;
    throw new InputError({
      code: "invalid-config",
      where: `${field} in ${where}`,
      expected,
      found: String(found),
      hint: "The fields contradict each other: use the config.json published with these weights",
    });
  };
  check(!isTrue(top.text_config, "is_decoder"), "text_config.is_decoder", "false (an encoder)", "true");
  check(!isTrue(top.text_config, "add_cross_attention"), "text_config.add_cross_attention", "false", "true");
  const heads = visionHeads(vision);
  const rules: readonly [holds: boolean, field: string, expected: string, found: number][] = [
    [
      config.hidden_size === text.hidden_size,
      "hidden_size",
      `${text.hidden_size} (text_config.hidden_size)`,
      config.hidden_size,
    ],
    [
      text.hidden_size % text.num_attention_heads === 0,
      "text_config.num_attention_heads",
      `a divisor of hidden_size ${text.hidden_size}`,
      text.num_attention_heads,
    ],
    [
      heads > 0 && vision.hidden_size % heads === 0,
      "vision_config.hidden_size",
      "64 or more, and a multiple of its number of heads ⌊hidden_size / 64⌋",
      vision.hidden_size,
    ],
    [
      config.model_type === "meter" || splitIndex(config) >= 0,
      "num_hidden_layers",
      `at most ${text.num_hidden_layers + 1}: one for each text layer and one for the embeddings`,
      config.num_hidden_layers,
    ],
    [
      config.model_type === "meter" ? visionDepth(vision) > 0 : visionDepth(vision) >= text.num_hidden_layers,
      "vision_config.num_hidden_layers",
      `at least ${text.num_hidden_layers} blocks, one for each text layer`,
      visionDepth(vision),
    ],
    [
      vision.patch_size <= vision.image_size,
      "vision_config.patch_size",
      `at most image_size ${vision.image_size}`,
      vision.patch_size,
    ],
    [
      maxTextLength(text) >= 2,
      "text_config.max_position_embeddings",
      `more than pad_token_id + 2, ${text.pad_token_id + 2}`,
      text.max_position_embeddings,
    ],
    [
      text.pad_token_id < text.vocab_size,
      "text_config.pad_token_id",
      `below vocab_size ${text.vocab_size}`,
      text.pad_token_id,
    ],
    [
      config.task_head_layers === 1 || classifierWidth(config) >= 1,
      "head_hidden_scale",
      `at least ${1 / (2 * config.hidden_size)}, for one column in the classifiers`,
      config.head_hidden_scale,
    ],
  ];
  for (const [holds, field, expected, found] of rules) check(holds, field, expected, found);
}

const isTrue = (object: unknown, key: string): boolean =>
  typeof object === "object" && object !== null && (object as Readonly<Record<string, unknown>>)[key] === true;
