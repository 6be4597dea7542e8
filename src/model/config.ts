/**
 * `config.json` as the published files write it: every field, its default and its limits in one table, because old files
 * omit each field that equals its default. Reference: transformers 5.23 `BridgeTowerConfig`.
 */
import { InputError, nearestHint, type InputProblem } from "../errors.js";
import { activations, type ActivationName } from "../nn/index.js";

export interface TextConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  /** Heads of the text layers and of all cross-modal layers. */
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: ActivationName;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  /** Rows of the position table; the longest text is `pad_token_id + 1` tokens shorter. */
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  /** Of all text layer normalisations and of those inside the cross-modal layers. */
  readonly layer_norm_eps: number;
  readonly initializer_factor: number;
  readonly pad_token_id: number;
}

export interface VisionConfig {
  /** There are ⌊hidden_size / 64⌋ heads, always. */
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_channels: number;
  /** Side of a square patch, in pixels. */
  readonly patch_size: number;
  /** Side of the square image that the position table was made for, in pixels. */
  readonly image_size: number;
  readonly initializer_factor: number;
  readonly layer_norm_eps: number;
  /** `false` adds parameters `ln_separate.*` that no output reads. */
  readonly share_layernorm: boolean;
  /** `true` builds one block fewer. */
  readonly remove_last_layer: boolean;
}

export interface BridgeTowerConfig {
  /** `meter`: the baseline without bridges, both towers read at their last layer only (METER, Dou et al., CVPR 2022). */
  readonly model_type: "bridgetower" | "meter";
  readonly hidden_size: number;
  /** Number of cross-modal layers. */
  readonly num_hidden_layers: number;
  /** Of the first level's normalisations, the link towers and the MLM head. */
  readonly layer_norm_eps: number;
  /** Of the MLM head. */
  readonly hidden_act: ActivationName;
  readonly initializer_factor: number;
  /** One text and one image transform for all levels, or one of each per level. */
  readonly share_cross_modal_transformer_layers: boolean;
  /** The same link tower at every level, or one per level. */
  readonly share_link_tower_layers: boolean;
  readonly link_tower_type: "add" | "scaled_add" | "interpolate";
  /** The MLM decoder is the word-embedding matrix. */
  readonly tie_word_embeddings: boolean;
  /** Width of the contrastive embeddings; needed by the contrastive class only. */
  readonly contrastive_hidden_size: number | undefined;
  readonly logit_scale_init_value: number | undefined;
  /**
   * `joint`: text, image and pair embeddings, the image's behind the cross-modal transform (transformers). `dual`: text and
   * image embeddings straight from the towers, and a trained `temperature` (the authors' code).
   */
  readonly contrastive_form: "joint" | "dual";
  /** Rows of the token-type table: text, image, and the second image of NLVR2. */
  readonly token_type_count: number;
  /** METER: gated sums of all tower layers in place of the last one alone. */
  readonly meter_fusion: boolean;
  /** Number of answers of the VQA classifier. */
  readonly vqav2_label_size: number;
  /** Of the VQA, SNLI-VE and NLVR2 classifiers: one linear layer, or two. */
  readonly task_head_layers: number;
  /** Width inside those classifiers, in multiples of `2 · hidden_size`. */
  readonly head_hidden_scale: number;
  /** Dropout in front of the NLVR2 classifier. */
  readonly nlvr2_drop_rate: number;
  readonly text_config: TextConfig;
  readonly vision_config: VisionConfig;
}

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

/** `logit_scale_init_value` of the published checkpoint, ln(1 / 0.07); transformers has no default. */
export const defaultLogitScale = 2.6592;

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
      found: (JSON.stringify(model_type) ?? "undefined").slice(0, 80),
      hint: "Name the folder of a BridgeTower checkpoint",
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
        found: JSON.stringify(value).slice(0, 80),
        hint: nearestHint(value, rule.choices ?? []),
      });
    }
    return [name, value] as const;
  });
  // Each field was checked by the rule of its own type.
  return Object.fromEntries(fields) as T;
}

/** Heads of a vision block; not a field: transformers computes it from the width. */
export const visionHeads = (vision: VisionConfig): number => Math.floor(vision.hidden_size / 64);

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

/** Number of vision blocks in the checkpoint. */
export const visionDepth = (vision: VisionConfig): number =>
  vision.num_hidden_layers - (vision.remove_last_layer ? 1 : 0);

/** Vision blocks that are run: a bridge needs one for each text layer, METER runs all. */
export const visionBlocks = (config: BridgeTowerConfig): number =>
  config.model_type === "meter" ? visionDepth(config.vision_config) : config.text_config.num_hidden_layers;

/** Tokens that the position table can take: positions start at `pad_token_id + 1`. */
export const maxTextLength = (text: TextConfig): number => text.max_position_embeddings - text.pad_token_id - 1;

/** Patches along a side of an image of `pixels` pixels; a remainder is dropped, as the patch convolution does. */
export const patchesAlong = (vision: VisionConfig, pixels: number): number => Math.floor(pixels / vision.patch_size);

/** Rows of the vision position table: the class token and the patches of an image of `image_size`. */
export const visionPositions = (vision: VisionConfig): number => patchesAlong(vision, vision.image_size) ** 2 + 1;

/** Uni-modal layers that run before the first cross-modal layer: the split index of the reference. */
export const splitIndex = (config: BridgeTowerConfig): number =>
  config.text_config.num_hidden_layers - config.num_hidden_layers + 1;

/** @throws InputError if an image of this size needs interpolated positions and they are off */
export function checkImageSize(config: VisionConfig, height: number, width: number, interpolate: boolean): void {
  const fits = height === config.image_size && width === config.image_size;
  if (fits || (interpolate && patchesAlong(config, height) > 0 && patchesAlong(config, width) > 0)) return;
  throw new InputError({
    code: "shape-mismatch",
    where: "pixel_values",
    expected: interpolate
      ? `at least one patch of ${config.patch_size} pixels each way`
      : `images of ${config.image_size} × ${config.image_size} pixels (vision_config.image_size)`,
    found: `${height} × ${width}`,
    hint: interpolate
      ? "Give a larger image"
      : "Preprocess with the checkpoint's own settings, or set interpolate_pos_encoding to resize the position table",
  });
}

/** The requirements of an output for the config. */
export interface ConfigNeed {
  readonly holds: (config: BridgeTowerConfig) => boolean;
  readonly problem: (config: BridgeTowerConfig) => Omit<InputProblem, "where">;
}

/** Embeddings of pairs exist in the joint form alone. */
export const jointForm: ConfigNeed = {
  holds: ({ contrastive_form }) => contrastive_form === "joint",
  problem: ({ contrastive_form }) => ({
    code: "unsupported-task",
    expected: "a checkpoint with an embedding of pairs",
    found: `contrastive_form "${contrastive_form}" in config.json, which has embeddings of texts and of images only`,
    hint: "Use embedText and embedImage, or name another checkpoint",
  }),
};

export const secondImage: ConfigNeed = {
  holds: ({ token_type_count }) => token_type_count >= 3,
  problem: ({ token_type_count }) => ({
    code: "unsupported-task",
    expected: "a checkpoint with a token type for the second image (token_type_count 3 in config.json)",
    found: String(token_type_count),
    hint: "Name a checkpoint that was trained to compare images",
  }),
};

/** Width inside a task classifier of two layers. */
export const classifierWidth = ({
  hidden_size,
  head_hidden_scale,
}: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">): number =>
  Math.floor(2 * hidden_size * head_hidden_scale);

/** Size of images in pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** The square image that the checkpoint's position table was made for. */
export const nativeImage = ({ vision_config: { image_size } }: BridgeTowerConfig): ImageSize => ({
  height: image_size,
  width: image_size,
});
