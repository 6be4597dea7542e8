/** A checkpoint's config.json from the shapes and names of its tensors, for files that come without one. */
import { InputError } from "../errors.js";
import { inferHeadFields } from "./head-fields.js";

export type ConfigJson = Readonly<Record<string, unknown>>;

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * `inferred` with the given fields in their places, in `text_config` and `vision_config` too.
 */
export function overlaid(inferred: ConfigJson, given: ConfigJson): ConfigJson {
  const nested = ["text_config", "vision_config"].flatMap((name) => {
    const [under, over] = [inferred[name], given[name]];
    if (under === undefined && over === undefined) return [];
    return [[name, { ...(under as ConfigJson), ...(typeof over === "object" ? over : {}) }] as const];
  });
  return { ...inferred, ...given, ...Object.fromEntries(nested) };
}

/**
 * The config under which the model has exactly these tensors. What shapes do not show is assumed: attention heads have 64
 * columns, as in all published sizes, and everything else has transformers' defaults.
 * @param tensors by our names, as in `StartingTensors`
 * @throws InputError naming the tensor that is missing or has no size in it
 */
export function inferConfig(source: string, tensors: Shapes): ConfigJson {
  const { names, has, size, count } = reader(source, tensors);
  const hidden = size(`${embeddings}.word_embeddings.weight`, 1);
  const meter = !has("cross_modal_text_layernorm.weight") && !names.some((name) => name.includes("_link_tower."));
  return {
    model_type: meter ? "meter" : "bridgetower",
    hidden_size: hidden,
    num_hidden_layers: count("cross_modal_text_layers"),
    num_attention_heads: attentionHeads(hidden),
    intermediate_size: size("cross_modal_text_layers.0.intermediate.dense.weight", 0),
    share_cross_modal_transformer_layers: has("cross_modal_text_transform.weight"),
    share_link_tower_layers: has("cross_modal_text_link_tower.LayerNorm.weight"),
    link_tower_type: linkType(names),
    token_type_count: size("token_type_embeddings.weight", 0),
    ...(meter ? { meter_fusion: has("text_gate.weight") } : {}),
    ...inferHeadFields((name) => tensors.get(name)?.shape, { hidden_size: hidden, head_hidden_scale: 1 }),
    text_config: textConfig(source, tensors),
    vision_config: visionConfig(source, tensors),
  };
}

/** The fields of the towers that are there. */
export function inferTowers(source: string, tensors: Shapes): ConfigJson {
  const { has } = reader(source, tensors);
  return {
    ...(has(`${embeddings}.word_embeddings.weight`) ? { text_config: textConfig(source, tensors) } : {}),
    ...(has(`${visual}.embeddings.class_embedding`) ? { vision_config: visionConfig(source, tensors) } : {}),
  };
}

function textConfig(source: string, tensors: Shapes): ConfigJson {
  const { size, count } = reader(source, tensors);
  const hidden = size(`${embeddings}.word_embeddings.weight`, 1);
  return {
    model_type: "bridgetower_text_model",
    vocab_size: size(`${embeddings}.word_embeddings.weight`, 0),
    hidden_size: hidden,
    num_hidden_layers: count("text_model.encoder.layer"),
    num_attention_heads: attentionHeads(hidden),
    intermediate_size: size("text_model.encoder.layer.0.intermediate.dense.weight", 0),
    max_position_embeddings: size(`${embeddings}.position_embeddings.weight`, 0),
    type_vocab_size: size(`${embeddings}.token_type_embeddings.weight`, 0),
  };
}

function visionConfig(source: string, tensors: Shapes): ConfigJson {
  const { has, size, count } = reader(source, tensors);
  const patch = size(`${visual}.embeddings.patch_embedding.weight`, 2);
  const patches = size(`${visual}.embeddings.position_embedding.weight`, 0) - 1;
  if (!Number.isInteger(Math.sqrt(patches))) {
    const where = `${source}: ${visual}.embeddings.position_embedding.weight`;
    throw new InputError({
      code: "parameter-mismatch",
      where,
      expected: "rows for the class token and a square of patches",
      found: `${patches + 1}`,
    });
  }
  return {
    model_type: "bridgetower_vision_model",
    hidden_size: size(`${visual}.embeddings.class_embedding`, 0),
    num_hidden_layers: count(`${visual}.transformer.resblocks`),
    num_channels: size(`${visual}.embeddings.patch_embedding.weight`, 1),
    patch_size: patch,
    image_size: Math.sqrt(patches) * patch,
    share_layernorm: !has(`${visual}.ln_separate.0.weight`),
  };
}

const embeddings = "text_model.embeddings";
const visual = "vision_model.visual";

/** Questions about names and shapes. */
function reader(source: string, tensors: Shapes) {
  const names = [...tensors.keys()];
  return {
    names,
    has: (name: string) => tensors.has(name),
    size: (name: string, axis: number): number => {
      const found = tensors.get(name)?.shape;
      if (found?.[axis] !== undefined) return found[axis];
      throw new InputError({
        code: "parameter-mismatch",
        where: source,
        expected: `the weights of a whole BridgeTower, with ${name}`,
        found: found === undefined ? "no such tensor" : `the shape [${found.join(", ")}]`,
        hint: "Name a complete checkpoint; towers alone can only start a training run",
      });
    },
    /** Entries of a list of modules. */
    count: (list: string) => {
      const pattern = new RegExp(`^${list.replaceAll(".", "\\.")}\\.(\\d+)\\.`);
      return 1 + names.reduce((last, name) => Math.max(last, Number(pattern.exec(name)?.[1] ?? -1)), -1);
    },
  };
}

const attentionHeads = (hidden: number): number => Math.max(1, Math.floor(hidden / 64));

function linkType(names: readonly string[]): string {
  if (names.some((name) => name.endsWith(".scaled_factor"))) return "scaled_add";
  return names.some((name) => name.endsWith("_link_tower.beta") || /_link_tower\.\d+\.beta$/.test(name))
    ? "interpolate"
    : "add";
}
