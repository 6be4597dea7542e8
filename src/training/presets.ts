/**
 * The published presets: the authors' (AAAI 2023; training scripts of their repository, table in the paper's appendix), and two
 * that Intel published with the later checkpoints. A preset has settings for `bridgetower train`, which the user's settings replace.
 *
 * The authors trained on 8 GPUs a node; `per_gpu_batchsize` is theirs, so that any number of processes makes the same steps.
 */
import type { z } from "zod";
import type { schema } from "./schema.js";

/** Settings of a preset: those of a run without its folder. */
export type PresetSettings = Omit<Partial<z.input<typeof schema>>, "output">;

export interface Preset {
  readonly paper: string;
  /** Devices and scores as published. They were not measured here. */
  readonly published: string;
  readonly settings: PresetSettings;
}

const clipBase = ["openai/clip-vit-base-patch16", "roberta-base"];
const clipLarge = ["openai/clip-vit-large-patch14", "roberta-large"];
const pretrainedBase = "BridgeTower/bridgetower-base-itm-mlm";
const pretrainedLarge = "BridgeTower/bridgetower-large-itm-mlm";

/** Widths of the cross-modal encoder, which do not follow from the towers. */
const baseWidth = { hidden_size: 768, num_attention_heads: 12, intermediate_size: 3072, num_hidden_layers: 6 };
const largeWidth = { hidden_size: 1024, num_attention_heads: 16, intermediate_size: 4096, num_hidden_layers: 6 };
const dual = { contrastive_form: "dual", contrastive_hidden_size: 256 };

const files = (...names: string[]) => names.map((name) => `${name}.arrow`);
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}_${i}`);

const pretraining: PresetSettings = {
  data: {
    train: files(
      "coco_caption_karpathy_train",
      "coco_caption_karpathy_restval",
      "vg",
      ...numbered("sbu", 9),
      ...numbered("conceptual_caption_train", 31),
    ),
    validation: files("coco_caption_karpathy_test"),
  },
  objectives: { mlm: 1, itm: 1 },
  batch_size: 4096,
  learning_rate: 1e-5,
  max_steps: 100_000,
  warmup_steps: 0.1,
};

const vqa: PresetSettings = {
  data: { train: files("vqav2_train_fix", "vqav2_val_fix"), validation: files("vqav2_val_fix") },
  objectives: { vqa: 1 },
  batch_size: 512,
  max_epoch: 10,
  lr_mult_head: 50,
};
const vqaPretrained: PresetSettings = {
  ...vqa,
  warmup_steps: 0.06,
  weight_decay: 0.05,
  train_transform: "blip_randaug_wohf",
  val_transform: "blip",
};
const vqaFromTowers: PresetSettings = {
  ...vqa,
  warmup_steps: 0.1,
  train_transform: "clip_randaug",
  val_transform: "clip",
};

/** Fine-tuning at 384 pixels on augmented images. */
const tuned: PresetSettings = {
  start: pretrainedBase,
  image_size: 384,
  train_transform: "blip_randaug_wc",
  val_transform: "blip",
};
const retrieval: PresetSettings = { ...tuned, max_text_len: 40 };
const f30k = {
  train: files("f30k_caption_karpathy_train", "f30k_caption_karpathy_val"),
  validation: files("f30k_caption_karpathy_test"),
};
const coco = {
  train: files("coco_caption_karpathy_train", "coco_caption_karpathy_restval"),
  validation: files("coco_caption_karpathy_test"),
};

const paper = "Xu et al., BridgeTower, AAAI 2023";

const table = {
  pretrain_base: {
    paper,
    published: "8 nodes of 8 A100; 4M images",
    settings: { ...pretraining, start: clipBase, config: baseWidth, image_size: 288, per_gpu_batchsize: 32 },
  },
  pretrain_large: {
    paper,
    published: "8 nodes of 8 A100; 4M images",
    settings: { ...pretraining, start: clipLarge, config: largeWidth, image_size: 294, per_gpu_batchsize: 16 },
  },
  pretrain_base_itc: {
    paper,
    published: "a variant of the authors' code: contrast beside ITM and MLM",
    settings: {
      ...pretraining,
      objectives: { mlm: 1, itm: 1, itc: 1 },
      start: clipBase,
      config: { ...baseWidth, ...dual },
      image_size: 288,
      per_gpu_batchsize: 32,
    },
  },
  pretrain_base_itm_itc: {
    paper,
    published: "a variant of the authors' code: contrast and hard negatives in place of false images",
    settings: {
      ...pretraining,
      objectives: { mlm: 1, itm_itc: 1 },
      start: clipBase,
      config: { ...baseWidth, ...dual },
      image_size: 288,
      per_gpu_batchsize: 32,
    },
  },
  pretrain_large_itc: {
    paper: "model cards of BridgeTower/bridgetower-large-itm-mlm-gaudi and -itc",
    published: "512 Gaudi, 128 Xeon; about 14M images with CC12M; centre crop only",
    settings: {
      ...pretraining,
      objectives: { mlm: 1, itm: 1, itc: 1 },
      start: pretrainedLarge,
      config: { contrastive_form: "joint", contrastive_hidden_size: 512 },
      image_size: 294,
      batch_size: 2048,
      per_gpu_batchsize: 4,
      max_steps: -1,
      max_epoch: 10,
      learning_rate: 1e-7,
      warmup_steps: 0,
    },
  },
  vqav2_base: {
    paper,
    published: "8 A100; test-std 78.73",
    settings: {
      ...vqaPretrained,
      start: pretrainedBase,
      config: { head_hidden_scale: 2 },
      image_size: 576,
      per_gpu_batchsize: 16,
      learning_rate: 1e-5,
    },
  },
  vqav2_large: {
    paper,
    published: "8 A100; test-std 81.15",
    settings: {
      ...vqaPretrained,
      start: pretrainedLarge,
      config: { head_hidden_scale: 2 },
      image_size: 574,
      per_gpu_batchsize: 4,
      learning_rate: 4e-6,
    },
  },
  vqav2_base_without_pretraining: {
    paper,
    published: "8 A100",
    settings: {
      ...vqaFromTowers,
      start: clipBase,
      config: { ...baseWidth, head_hidden_scale: 1 },
      image_size: 576,
      per_gpu_batchsize: 16,
      learning_rate: 2e-5,
    },
  },
  vqav2_large_without_pretraining: {
    paper,
    published: "8 A100",
    settings: {
      ...vqaFromTowers,
      start: clipLarge,
      config: { ...largeWidth, head_hidden_scale: 1 },
      image_size: 574,
      per_gpu_batchsize: 4,
      learning_rate: 1e-5,
    },
  },
  snli_ve_base: {
    paper,
    published: "8 A100; dev 81.11, test 81.19",
    settings: {
      ...tuned,
      data: { train: files("snli_train"), validation: files("snli_dev", "snli_test") },
      objectives: { snli: 1 },
      config: { head_hidden_scale: 2 },
      batch_size: 64,
      per_gpu_batchsize: 8,
      learning_rate: 3e-6,
      max_epoch: 5,
      warmup_steps: 0.06,
      lr_mult_head: 10,
    },
  },
  nlvr2_base: {
    paper,
    published: "8 A100; test-P 83.09",
    settings: {
      ...tuned,
      data: { train: files("nlvr2_train"), validation: files("nlvr2_dev", "nlvr2_test1") },
      objectives: { nlvr2: 1 },
      config: { head_hidden_scale: 1.5, token_type_count: 3 },
      batch_size: 64,
      per_gpu_batchsize: 8,
      learning_rate: 5e-6,
      max_epoch: 10,
      warmup_steps: 0.1,
      weight_decay: 0.008,
      lr_mult_head: 10,
    },
  },
  irtr_f30k_base: {
    paper,
    published: "8 A100",
    settings: {
      ...retrieval,
      data: f30k,
      objectives: { irtr: 1, itm: 1 },
      frozen: ["itm_score.*"],
      batch_size: 2048,
      per_gpu_batchsize: 4,
      learning_rate: 1.1e-5,
      max_epoch: 20,
      warmup_steps: 0.1,
    },
  },
  irtr_itm_itc_f30k_base: {
    paper,
    published: "8 A100; IR@1 85.83, TR@1 94.73, RSUM 576.6",
    settings: {
      ...retrieval,
      data: f30k,
      objectives: { itm_itc: 1 },
      soft_targets: true,
      config: dual,
      batch_size: 512,
      per_gpu_batchsize: 8,
      learning_rate: 5e-6,
      max_epoch: 20,
      warmup_steps: 0.05,
      validation: { k_test: 128 },
    },
  },
  irtr_itm_itc_coco_base: {
    paper,
    published: "8 A100",
    settings: {
      ...retrieval,
      data: coco,
      objectives: { itm_itc: 1 },
      soft_targets: true,
      config: dual,
      batch_size: 256,
      per_gpu_batchsize: 16,
      learning_rate: 4.5e-6,
      max_epoch: 30,
      warmup_steps: 0.1,
      validation: { k_test: 256 },
    },
  },
  contrastive_large: {
    paper: "Optimum Habana, contrastive-image-text example with BridgeTower",
    published: "8 Gaudi2; New Yorker caption contest, configuration matching",
    settings: {
      start: "BridgeTower/bridgetower-large-itm-mlm-itc",
      objectives: { itc: 1 },
      max_text_len: 128,
      image_size: 294,
      batch_size: 320,
      per_gpu_batchsize: 40,
      accumulation: "averaged",
      learning_rate: 1e-5,
      max_epoch: 5,
      weight_decay: 0,
      lr_mult_head: 1,
      lr_mult_cross_modal: 1,
      adamw: "decoupled",
      betas: [0.9, 0.999],
      max_grad_norm: 1,
      seed: 42,
      validation: { metrics: ["itc"] },
    },
  },
} satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof table;

export const presets: Readonly<Record<PresetName, Preset>> = table;
