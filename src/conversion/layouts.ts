/**
 * The layouts of starting points: each is a table from its names to those of a BridgeTower checkpoint. Sources: the authors' code
 * (`vit_model`, `text_transformer`), OpenAI's CLIP, and CLIP and RoBERTa of transformers 5.23.
 */
import { headEntry, heads } from "../model/index.js";

export type LayoutName = "bridgetower" | "original" | "openai-clip" | "clip" | "roberta";

/** One line of a table. `{i}` matches a number, `*` any text; `to` uses the matched values. */
export interface Rule {
  readonly from: string;
  /** Our name; absent if the tensor has no place in BridgeTower. */
  readonly to?: string;
  /** Which part of the rows of `to` this is, if we have several tensors stacked. */
  readonly part?: number;
}

export interface Layout {
  readonly name: LayoutName;
  /** How messages call it. */
  readonly title: string;
  /** A name by which the layout is known. */
  readonly marker: RegExp;
  /** Prefixes of names in some files. */
  readonly prefix?: RegExp;
  /** The first that matches counts. */
  readonly rules: readonly Rule[];
}

const visual = "vision_model.visual";

const openaiVision = (from: string): Rule[] => [
  { from: `${from}.conv1.weight`, to: `${visual}.embeddings.patch_embedding.weight` },
  { from: `${from}.class_embedding`, to: `${visual}.embeddings.class_embedding` },
  { from: `${from}.positional_embedding`, to: `${visual}.embeddings.position_embedding.weight` },
  { from: `${from}.proj` },
  ...["ln_pre.*", "ln_post.*", "transformer.resblocks.{i}.*"].map((rest) => ({
    from: `${from}.${rest}`,
    to: `${visual}.${rest}`,
  })),
];

/** The text half of OpenAI's CLIP, and numbers that its archive keeps as tensors. */
const openaiRest = (prefix: string): Rule[] =>
  ["positional_embedding", "ln_final.*", "token_embedding.weight", "text_projection", "logit_scale", "transformer.*"]
    .concat(["input_resolution", "context_length", "vocab_size"])
    .map((name) => ({ from: prefix + name }));

/** Everything but the towers: named alike in the authors' code and in transformers. */
const shared: readonly Rule[] = [
  "cross_modal_*",
  "token_type_embeddings.weight",
  ...heads.flatMap((head) => {
    const { modules, scalars = {} } = headEntry(head);
    return [...Object.keys(modules).map((name) => `${name}.*`), ...Object.keys(scalars)];
  }),
  "text_gate.*",
  "image_gate.*",
].map((name) => ({ from: name, to: name }));

const clipBlock = "encoder.layers.{i}";
const ourBlock = `${visual}.transformer.resblocks.{i}`;

/** In the order in which a file is compared with them. */
export const layouts: readonly Layout[] = [
  {
    name: "original",
    title: "a checkpoint of the authors' training code",
    marker: /^(vit_model|text_transformer)\./,
    rules: [
      ...openaiVision("vit_model.visual"),
      { from: "vit_model.visual.ln_separate.*", to: `${visual}.ln_separate.*` },
      ...openaiRest("vit_model."),
      { from: "text_transformer.embeddings.position_ids" },
      { from: "text_transformer.embeddings.token_type_ids" },
      { from: "text_transformer.*", to: "text_model.*" },
      ...shared,
    ],
  },
  {
    name: "bridgetower",
    title: "a BridgeTower checkpoint in Hugging Face layout",
    marker: /^(bridgetower\.)?(vision_model\.visual|cross_modal_text_layers)\./,
    prefix: /^bridgetower\./,
    rules: [
      { from: "*.position_ids" },
      { from: "*.token_type_ids" },
      { from: "text_model.*", to: "text_model.*" },
      { from: `${visual}.*`, to: `${visual}.*` },
      ...shared,
    ],
  },
  {
    name: "openai-clip",
    title: "CLIP with OpenAI's names",
    marker: /^visual\.(conv1|class_embedding)/,
    rules: [...openaiVision("visual"), ...openaiRest("")],
  },
  {
    name: "clip",
    title: "CLIP in Hugging Face layout",
    marker: /^(vision_model\.)?embeddings\.class_embedding$/,
    prefix: /^vision_model\./,
    rules: [
      { from: "embeddings.class_embedding", to: `${visual}.embeddings.class_embedding` },
      { from: "embeddings.patch_embedding.weight", to: `${visual}.embeddings.patch_embedding.weight` },
      { from: "embeddings.position_embedding.weight", to: `${visual}.embeddings.position_embedding.weight` },
      { from: "embeddings.position_ids" },
      // The library's own spelling.
      { from: "pre_layrnorm.*", to: `${visual}.ln_pre.*` },
      { from: "post_layernorm.*", to: `${visual}.ln_post.*` },
      ...["q", "k", "v"].map((name, part) => ({
        from: `${clipBlock}.self_attn.${name}_proj.*`,
        to: `${ourBlock}.attn.in_proj_*`,
        part,
      })),
      { from: `${clipBlock}.self_attn.out_proj.*`, to: `${ourBlock}.attn.out_proj.*` },
      { from: `${clipBlock}.layer_norm1.*`, to: `${ourBlock}.ln_1.*` },
      { from: `${clipBlock}.layer_norm2.*`, to: `${ourBlock}.ln_2.*` },
      { from: `${clipBlock}.mlp.fc1.*`, to: `${ourBlock}.mlp.c_fc.*` },
      { from: `${clipBlock}.mlp.fc2.*`, to: `${ourBlock}.mlp.c_proj.*` },
      ...["visual_projection.*", "text_model.*", "text_projection.*", "logit_scale"].map((from) => ({ from })),
    ],
  },
  {
    name: "roberta",
    title: "RoBERTa in Hugging Face layout",
    marker: /^(roberta\.)?embeddings\.word_embeddings\.weight$/,
    prefix: /^roberta\./,
    rules: [
      { from: "embeddings.position_ids" },
      { from: "embeddings.token_type_ids" },
      { from: "embeddings.*", to: "text_model.embeddings.*" },
      { from: "encoder.layer.*", to: "text_model.encoder.layer.*" },
      ...["pooler.*", "lm_head.*", "classifier.*"].map((from) => ({ from })),
    ],
  },
];

/** The layouts of a whole BridgeTower, not of a tower alone. */
export const wholeLayouts: readonly Layout[] = layouts.filter(
  ({ name }) => name === "original" || name === "bridgetower",
);
