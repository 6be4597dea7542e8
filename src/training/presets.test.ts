/** Presets against the table of the authors' scripts, value by value. */
import { expect, test } from "vitest";
import { runPlan } from "./plan.js";
import { presets, type PresetName } from "./presets.js";
import { configWarnings, trainingSettings } from "./run-settings.js";

const towers = {
  base: ["openai/clip-vit-base-patch16", "roberta-base"],
  large: ["openai/clip-vit-large-patch14", "roberta-large"],
};
const pretrained = { base: ["BridgeTower/bridgetower-base-itm-mlm"], large: ["BridgeTower/bridgetower-large-itm-mlm"] };

interface Row {
  readonly start: readonly string[];
  readonly image: number;
  readonly gpus: number;
  readonly perGpu: number;
  readonly accumulation: number;
  readonly batch: number;
  readonly rate: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly warmup: number;
  readonly decay: number;
  readonly head: number;
  readonly cross: number;
  readonly scale?: number;
  readonly train: string;
  readonly evaluation: string;
  readonly text: number;
}

/** All but the start from towers: one node of 8 GPUs. */
const node = { gpus: 8, decay: 0.01, cross: 5, text: 50 };
const pretraining = {
  ...node,
  start: towers.base,
  image: 288,
  gpus: 64,
  perGpu: 32,
  accumulation: 2,
  batch: 4096,
  rate: 1e-5,
};
const clip = { train: "clip", evaluation: "clip" };
const tuned = { ...node, start: pretrained.base, image: 384, train: "blip_randaug_wc", evaluation: "blip" };
const base = { ...pretraining, ...clip, steps: 100_000, warmup: 0.1, head: 5 };
const vqa = { ...node, batch: 512, epochs: 10, head: 50 };
const blip = { train: "blip_randaug_wohf", evaluation: "blip" };
const randaug = { train: "clip_randaug", evaluation: "clip" };

const rows: Readonly<Record<PresetName, Row>> = {
  pretrain_base: base,
  pretrain_large: { ...base, start: towers.large, image: 294, perGpu: 16, accumulation: 4 },
  pretrain_base_itc: base,
  pretrain_base_itm_itc: base,
  pretrain_large_itc: {
    ...base,
    ...{ start: pretrained.large, image: 294, gpus: 512, perGpu: 4, accumulation: 1, batch: 2048 },
    ...{ rate: 1e-7, steps: -1, epochs: 10, warmup: 0 },
  },
  vqav2_base: {
    ...{ ...vqa, ...blip, start: pretrained.base, image: 576, perGpu: 16, accumulation: 4 },
    ...{ rate: 1e-5, warmup: 0.06, decay: 0.05, scale: 2 },
  },
  vqav2_large: {
    ...{ ...vqa, ...blip, start: pretrained.large, image: 574, perGpu: 4, accumulation: 16 },
    ...{ rate: 4e-6, warmup: 0.06, decay: 0.05, scale: 2 },
  },
  vqav2_base_without_pretraining: {
    ...{ ...vqa, ...randaug, start: towers.base, image: 576, perGpu: 16, accumulation: 4 },
    ...{ rate: 2e-5, warmup: 0.1, scale: 1 },
  },
  vqav2_large_without_pretraining: {
    ...{ ...vqa, ...randaug, start: towers.large, image: 574, perGpu: 4, accumulation: 16 },
    ...{ rate: 1e-5, warmup: 0.1, scale: 1 },
  },
  snli_ve_base: {
    ...{ ...tuned, perGpu: 8, accumulation: 1, batch: 64, rate: 3e-6, epochs: 5, warmup: 0.06 },
    ...{ head: 10, scale: 2 },
  },
  nlvr2_base: {
    ...{ ...tuned, perGpu: 8, accumulation: 1, batch: 64, rate: 5e-6, epochs: 10, warmup: 0.1 },
    ...{ decay: 0.008, head: 10, scale: 1.5 },
  },
  irtr_f30k_base: {
    ...{ ...tuned, perGpu: 4, accumulation: 64, batch: 2048, rate: 1.1e-5, epochs: 20, warmup: 0.1 },
    ...{ head: 5, text: 40 },
  },
  irtr_itm_itc_f30k_base: {
    ...{ ...tuned, perGpu: 8, accumulation: 8, batch: 512, rate: 5e-6, epochs: 20, warmup: 0.05 },
    ...{ head: 5, text: 40 },
  },
  irtr_itm_itc_coco_base: {
    ...{ ...tuned, perGpu: 16, accumulation: 2, batch: 256, rate: 4.5e-6, epochs: 30, warmup: 0.1 },
    ...{ head: 5, text: 40 },
  },
  contrastive_large: {
    ...{ ...node, ...clip, start: ["BridgeTower/bridgetower-large-itm-mlm-itc"], image: 294, perGpu: 40 },
    ...{ accumulation: 1, batch: 320, rate: 1e-5, epochs: 5, warmup: 0, decay: 0, head: 1, cross: 1, text: 128 },
  },
};

/** The caption contest has no file of a fixed name. */
const settingsOf = (recipe: PresetName) =>
  trainingSettings({ output: "run", recipe, ...("data" in presets[recipe].settings ? {} : { data: { train: "x" } }) });

test.each(Object.entries(rows) as [PresetName, Row][])("%s is as published", (name, row) => {
  const settings = settingsOf(name);
  const found: Row = {
    start: settings.start,
    image: settings.image_size!,
    gpus: row.gpus,
    perGpu: settings.per_gpu_batchsize,
    accumulation: runPlan(settings, 1_000_000, row.gpus, 0).localMicroBatches.length,
    batch: settings.batch_size,
    rate: settings.learning_rate,
    ...(row.steps === undefined ? {} : { steps: settings.max_steps }),
    ...(row.epochs === undefined ? {} : { epochs: settings.max_epoch }),
    warmup: settings.warmup_steps,
    decay: settings.weight_decay,
    head: settings.lr_mult_head,
    cross: settings.lr_mult_cross_modal,
    ...(row.scale === undefined ? {} : { scale: settings.config.head_hidden_scale as number }),
    train: settings.train_transform,
    evaluation: settings.val_transform,
    text: settings.max_text_len,
  };
  expect(found).toEqual(row);
  expect(settings).toMatchObject({ end_lr: 0, decay_power: 1, eps: 1e-8, initialization: "original" });
  if (name !== "contrastive_large") {
    expect(settings).toMatchObject({ adamw: "original", betas: [0.9, 0.98], seed: 0 });
    expect(settings.max_grad_norm).toBeUndefined();
  }
});

test("objectives and files", () => {
  const chosen = (Object.keys(rows) as PresetName[]).map((name) => {
    const { objectives, data } = settingsOf(name);
    return `${name}: ${Object.keys(objectives).join("+")} on ${data.train.length} files, evaluated on ${(data.validation ?? ["none"]).map((one) => (typeof one === "string" ? one : "path" in one ? one.path : "no file")).join(" ")}`;
  });
  expect(chosen).toEqual([
    "pretrain_base: mlm+itm on 43 files, evaluated on coco_caption_karpathy_test.arrow",
    "pretrain_large: mlm+itm on 43 files, evaluated on coco_caption_karpathy_test.arrow",
    "pretrain_base_itc: mlm+itm+itc on 43 files, evaluated on coco_caption_karpathy_test.arrow",
    "pretrain_base_itm_itc: mlm+itm_itc on 43 files, evaluated on coco_caption_karpathy_test.arrow",
    "pretrain_large_itc: mlm+itm+itc on 43 files, evaluated on coco_caption_karpathy_test.arrow",
    "vqav2_base: vqa on 2 files, evaluated on vqav2_val_fix.arrow",
    "vqav2_large: vqa on 2 files, evaluated on vqav2_val_fix.arrow",
    "vqav2_base_without_pretraining: vqa on 2 files, evaluated on vqav2_val_fix.arrow",
    "vqav2_large_without_pretraining: vqa on 2 files, evaluated on vqav2_val_fix.arrow",
    "snli_ve_base: snli on 1 files, evaluated on snli_dev.arrow snli_test.arrow",
    "nlvr2_base: nlvr2 on 1 files, evaluated on nlvr2_dev.arrow nlvr2_test1.arrow",
    "irtr_f30k_base: itm+irtr on 2 files, evaluated on f30k_caption_karpathy_test.arrow",
    "irtr_itm_itc_f30k_base: itm_itc on 2 files, evaluated on f30k_caption_karpathy_test.arrow",
    "irtr_itm_itc_coco_base: itm_itc on 2 files, evaluated on coco_caption_karpathy_test.arrow",
    "contrastive_large: itc on 1 files, evaluated on none",
  ]);
});

test("settings of single presets", () => {
  expect(settingsOf("irtr_f30k_base")).toMatchObject({ frozen: ["itm_score.*"], draw_false_text: 15 });
  expect(settingsOf("irtr_itm_itc_f30k_base")).toMatchObject({ soft_targets: true, validation: { k_test: 128 } });
  expect(settingsOf("irtr_itm_itc_coco_base")).toMatchObject({ soft_targets: true, validation: { k_test: 256 } });
  expect(settingsOf("nlvr2_base").config).toMatchObject({ token_type_count: 3 });
  expect(settingsOf("pretrain_base")).toMatchObject({ mlm_prob: 0.15, whole_word_masking: false, soft_targets: false });
  expect(settingsOf("pretrain_base_itc").config).toEqual({
    hidden_size: 768,
    num_attention_heads: 12,
    intermediate_size: 3072,
    num_hidden_layers: 6,
    contrastive_form: "dual",
    contrastive_hidden_size: 256,
  });
  expect(settingsOf("pretrain_large").config).toMatchObject({ hidden_size: 1024, num_attention_heads: 16 });
  expect(settingsOf("contrastive_large")).toMatchObject({
    adamw: "decoupled",
    betas: [0.9, 0.999],
    max_grad_norm: 1,
    seed: 42,
    accumulation: "averaged",
    validation: { metrics: ["itc"] },
  });
});

test("every preset names its source, and has no field of the config without effect", () => {
  expect((Object.keys(rows) as PresetName[]).flatMap((name) => configWarnings(settingsOf(name)))).toEqual([]);
  for (const { paper, published } of Object.values(presets)) {
    expect(paper).toMatch(/\w/);
    expect(published).toMatch(/\w/);
  }
});
