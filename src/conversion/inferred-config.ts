/** Infers a checkpoint's config.json from the shapes and names of its tensors, for files without one. */
import { InputError } from "../errors.js";
import { classifierWidth, headEntry, heads, type BridgeTowerConfig, type ShapeOf } from "../model/index.js";

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
 * The config of the model with exactly these tensors. Attention heads are assumed to have 64 columns, as in all published sizes. Other
 * fields that shapes do not determine have transformers' defaults.
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
        hint: "Use a complete checkpoint; towers alone can only start a training run",
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

/**
 * Fields of config.json that follow from the shapes of the heads in a file of weights.
 * @param config the fields known so far: a `head_hidden_scale` that gives the right width is kept
 */
function inferHeadFields(
  shapeOf: ShapeOf,
  config: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">,
): Partial<BridgeTowerConfig> {
  const inferred = heads.map((head) => headEntry(head).infer?.(shapeOf));
  return Object.assign({}, ...inferred, classifierFields(shapeOf, config)) as Partial<BridgeTowerConfig>;
}

/**
 * `task_head_layers`, `head_hidden_scale` and `vqav2_label_size` by the classifiers' shapes: published files lack them or keep
 * them from another run. Without what the classifiers do not agree on.
 */
export function classifierFields(
  shapeOf: ShapeOf,
  config: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">,
): Partial<BridgeTowerConfig> {
  const found = heads.flatMap((head) => {
    const { classifier } = headEntry(head);
    const sizes = classifier && classifierSizes((layer) => shapeOf(`${classifier.module}.${layer}.weight`));
    return sizes === undefined ? [] : [{ ...sizes, sizeField: classifier?.sizeField }];
  });
  const layers = onlyOne(found.map((one) => one.layers));
  const width = onlyOne(found.flatMap((one) => one.width ?? []));
  const fields: { -readonly [K in keyof BridgeTowerConfig]?: BridgeTowerConfig[K] } = {};
  if (layers !== undefined) fields.task_head_layers = layers;
  if (width !== undefined && classifierWidth(config) !== width) {
    fields.head_hidden_scale = headHiddenScale(width, config.hidden_size);
  }
  for (const { sizeField, classes } of found) if (sizeField !== undefined) fields[sizeField] = classes;
  return fields;
}

/** By the shapes [outputs, inputs] of the linear layers .0 and .3; `undefined` if they are no such shapes. */
function classifierSizes(shapeOf: (layer: number) => readonly number[] | undefined) {
  const [first, last] = [shapeOf(0), shapeOf(3)];
  const isMatrix = (shape: readonly number[]) => shape.length === 2 && shape.every((size) => size > 0);
  if (first === undefined || !isMatrix(first)) return undefined;
  if (last === undefined) return { layers: 1, width: undefined, classes: first[0]! };
  return isMatrix(last) ? { layers: 2, width: first[0]!, classes: last[0]! } : undefined;
}

/** The `head_hidden_scale` under which classifiers are `width` wide inside. */
function headHiddenScale(width: number, hidden_size: number): number {
  const head_hidden_scale = width / (2 * hidden_size);
  // The quotient itself may be rounded to below the width: half a column more.
  return classifierWidth({ hidden_size, head_hidden_scale }) === width
    ? head_hidden_scale
    : (width + 0.5) / (2 * hidden_size);
}

/** The value that all entries have. */
function onlyOne(values: readonly number[]): number | undefined {
  const [first, ...others] = new Set(values);
  return others.length === 0 ? first : undefined;
}
