/**
 * Heads over the model's outputs. `headTable` has one entry a head, from which all that concerns heads follows elsewhere.
 * Reference: the head classes of transformers 5.23 `modeling_bridgetower`; the authors' code for classifiers and ranking head.
 */
import { InputError } from "../errors.js";
import { gelu, linear as linearOp, type Tensor } from "../graph/index.js";
import { activations, dropout, layerNorm, linear, normalize, type Scope } from "../nn/index.js";
import { firstRow, firstToken, postNorm, transformed } from "./bridgetower.js";
import { classifierWidth, defaultLogitScale, jointForm, secondImage, type BridgeTowerConfig } from "./config.js";
import type { Build, HeadEntry, HeadModule } from "./head-entry.js";
import type { ObjectiveName } from "./objectives/objectives.js";

/** Image-text matching logits: no match, match. [batch, 2 hidden] -> [batch, 2] */
export const itmHead: Build = (p, _config, pooled) => linear(p.at("itm_score.fc"), pooled, 2);

/** The decoder of masked words, and the matrix that takes its place if `tie_word_embeddings` is true. */
export const tiedDecoder = {
  decoder: "mlm_score.decoder.weight",
  wordEmbeddings: "text_model.embeddings.word_embeddings.weight",
} as const;

/** Masked-language-model logits: decoder(LN(act(dense(x)))) + bias. [batch, text, hidden] -> [batch, text, vocabulary] */
export const mlmHead: Build = (p, config, textFeatures) => {
  const head = p.at("mlm_score");
  const { hidden_size: hidden, text_config: text } = config;
  const act = activations[config.hidden_act];
  const dense = act(linear(head.at("transform.dense"), textFeatures, hidden));
  const transformed = layerNorm(head.at("transform.LayerNorm"), dense, config.layer_norm_eps);
  const decoder = config.tie_word_embeddings
    ? p.at("text_model.embeddings.word_embeddings").parameter("weight", [text.vocab_size, hidden])
    : head.at("decoder").parameter("weight", [text.vocab_size, hidden]);
  return linearOp(transformed, decoder, head.parameter("bias", [text.vocab_size]));
};

/** The text embedding. [batch, 1 or more, hidden] -> [batch, contrastive_hidden_size] */
export const textEmbedding: Build = (p, config, token) => itcHead(p.at("itc_text_head"), config, firstRow(token));

/** The image embedding. [batch, 1 or more, visionHidden] -> [batch, contrastive_hidden_size] */
export const imageEmbedding: Build = (p, config, tokens) => {
  const normed = postNorm(p, config, firstToken(tokens));
  const read = {
    joint: () => transformed(p, config, "image", normed, { level: config.num_hidden_layers - 1, tokenType: 1 }),
    dual: () => normed,
  }[config.contrastive_form]();
  return itcHead(p.at("itc_image_head"), config, firstRow(read));
};

/** The joint embedding of a pair. [batch, 2 hidden] -> [batch, contrastive_hidden_size] */
export const pairEmbedding: Build = (p, config, pooled) => itcHead(p.at("itc_cross_modal_head"), config, pooled);

/** norm(fc(x)): an embedding of unit length. [batch, inputs] -> [batch, contrastive_hidden_size] */
function itcHead(p: Scope, { contrastive_hidden_size: size }: BridgeTowerConfig, x: Tensor): Tensor {
  if (size !== undefined) return normalize(linear(p.at("fc"), x, size));
  throw new InputError({
    code: "unsupported-task",
    where: "contrastive_hidden_size in config.json",
    expected: "the width of the contrastive embeddings",
    found: "undefined",
    hint: "Use a checkpoint with contrastive heads, such as BridgeTower/bridgetower-large-itm-mlm-itc",
  });
}

/** One logit for each answer. [batch, 2 hidden] -> [batch, vqav2_label_size] */
export const vqaHead: Build = (p, config, pooled) =>
  classifier(p.at("vqa_classifier"), config, pooled, config.vqav2_label_size);

/** Contradiction, neutral, entailment. [batch, 2 hidden] -> [batch, 3] */
export const snliHead: Build = (p, config, pooled) => classifier(p.at("snli_classifier"), config, pooled, 3);

/** False, true. [batch, 4 hidden] -> [batch, 2] */
export const nlvr2Head: Build = (p, config, bothPooled) =>
  classifier(p.at("nlvr2_classifier"), config, dropout(p, bothPooled, config.nlvr2_drop_rate), 2);

/** How well text and image fit, to rank texts against each other. [batch, 2 hidden] -> [batch, 1] */
export const rankHead: Build = (p, _config, pooled) => linear(p.at("rank_output"), pooled, 1);

/** Linear, LN, GELU, Linear, or one Linear alone; names as in the authors' code. [batch, inputs] -> [batch, classes] */
function classifier(p: Scope, config: BridgeTowerConfig, x: Tensor, classes: number): Tensor {
  if (config.task_head_layers === 1) return linear(p.at(0), x, classes);
  return linear(p.at(3), gelu(layerNorm(p.at(1), linear(p.at(0), x, classifierWidth(config)), 1e-5)), classes);
}

const headLinear: HeadModule = { learningRate: "head" };
const headClassifier: HeadModule = { learningRate: "head", ones: ["1.weight"] };
const jointEmbedding = { reads: "pooled", isPairwise: true, needs: jointForm, isOptional: true } as const;

export const headTable = {
  itm: {
    outputs: { logits: { reads: "pooled", build: itmHead, task: "match" } },
    modules: { itm_score: headLinear },
    objectives: ["itm", "itm_itc"],
  },
  mlm: {
    outputs: { mlm_logits: { reads: "textFeatures", build: mlmHead, task: "fillMask" } },
    modules: { mlm_score: { learningRate: "head", ones: ["transform.LayerNorm.weight"] } },
    objectives: ["mlm"],
    infer: (shapeOf) => ({
      tie_word_embeddings: shapeOf("mlm_score.bias") !== undefined && shapeOf(tiedDecoder.decoder) === undefined,
    }),
  },
  itc: {
    outputs: {
      text_embeds: { reads: "textToken", build: textEmbedding, task: "embedText" },
      image_embeds: { reads: "imageToken", build: imageEmbedding, task: "embedImage" },
      cross_embeds: { ...jointEmbedding, build: pairEmbedding, task: "embedPair" },
    },
    modules: {
      itc_text_head: headLinear,
      itc_image_head: headLinear,
      itc_cross_modal_head: { learningRate: "cross_modal" },
    },
    scalars: {
      logit_scale: {
        isUsed: ({ contrastive_form }) => contrastive_form === "joint",
        start: ({ logit_scale_init_value = defaultLogitScale }) => logit_scale_init_value,
      },
      temperature: { isUsed: ({ contrastive_form }) => contrastive_form === "dual", start: () => 0.07 },
    },
    objectives: ["itc", "itm_itc"],
    fits: ({ contrastive_hidden_size }) => contrastive_hidden_size !== undefined,
    infer(shapeOf) {
      const contrastive_hidden_size = shapeOf("itc_text_head.fc.weight")?.[0];
      if (contrastive_hidden_size === undefined) return {};
      return {
        contrastive_hidden_size,
        contrastive_form: shapeOf("itc_cross_modal_head.fc.weight") === undefined ? "dual" : "joint",
        logit_scale_init_value: defaultLogitScale,
      };
    },
  },
  vqa: {
    outputs: { vqa_logits: { reads: "pooled", build: vqaHead, task: "answer" } },
    modules: { vqa_classifier: headClassifier },
    objectives: ["vqa"],
    classifier: { module: "vqa_classifier", sizeField: "vqav2_label_size" },
  },
  snli: {
    outputs: { snli_logits: { reads: "pooled", build: snliHead, task: "entail" } },
    modules: { snli_classifier: headClassifier },
    objectives: ["snli"],
    classifier: { module: "snli_classifier" },
  },
  nlvr2: {
    outputs: { nlvr2_logits: { reads: "bothPooled", build: nlvr2Head, task: "compare", needs: secondImage } },
    modules: { nlvr2_classifier: headClassifier },
    objectives: ["nlvr2"],
    classifier: { module: "nlvr2_classifier" },
  },
  rank: {
    outputs: { rank_scores: { reads: "pooled", build: rankHead } },
    modules: { rank_output: { learningRate: "base", startsAs: { module: "itm_score.fc", row: 1, rows: 2 } } },
    objectives: ["irtr"],
  },
} as const satisfies Record<string, HeadEntry>;

export type Head = keyof typeof headTable;
export const heads = Object.keys(headTable) as readonly Head[];

export const headEntry = (head: Head): HeadEntry => headTable[head];

/** The heads that an objective trains. */
export const headsOf = (objective: ObjectiveName): readonly Head[] =>
  heads.filter((head) => headEntry(head).objectives.includes(objective));
