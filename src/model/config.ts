/**
 * The fields of `config.json`, which `parseConfig` reads, and the values that follow from them. Reference: transformers 5.23
 * `BridgeTowerConfig`.
 */
import { InputError, type InputProblem } from "../errors.js";
import type { ActivationName } from "../nn/index.js";

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

/** `logit_scale_init_value` of the published checkpoint, ln(1 / 0.07); transformers has no default. */
export const defaultLogitScale = 2.6592;

/** Heads of a vision block; not a field: transformers computes it from the width. */
export const visionHeads = (vision: VisionConfig): number => Math.floor(vision.hidden_size / 64);

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
    hint: "Use embedText and embedImage, or choose another checkpoint",
  }),
};

export const secondImage: ConfigNeed = {
  holds: ({ token_type_count }) => token_type_count >= 3,
  problem: ({ token_type_count }) => ({
    code: "unsupported-task",
    expected: "a checkpoint with a token type for the second image (token_type_count 3 in config.json)",
    found: String(token_type_count),
    hint: "Use a checkpoint that was trained to compare images",
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
