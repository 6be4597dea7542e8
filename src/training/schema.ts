/** The settings of a training run: names, limits and defaults in one table. */
import { z } from "zod";
import { datasetFormats, transformKeys } from "../data/index.js";
import { metrics } from "../evaluation/index.js";
import { objectives, type ObjectiveName } from "../model/index.js";

// A schema's words follow "expected" in errors; `expectedValue` has those of objects, lists and choices.
const text = z.string("text").min(1, "text that is not empty");
function whole(min: number, max?: number) {
  const words = max === undefined ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`;
  return z
    .number(words)
    .int(words)
    .min(min, words)
    .max(max ?? Number.MAX_SAFE_INTEGER, words);
}
const positive = z.number("a number above 0").positive("a number above 0");
const nonNegative = z.number("a number of at least 0").nonnegative("a number of at least 0");
const fraction = z.number("a number from 0 to 1").min(0, "a number from 0 to 1").max(1, "a number from 0 to 1");
const decayWords = "a number of at least 0 and below 1";
const decay = z.number(decayWords).min(0, decayWords).lt(1, decayWords);
const stepWords = "-1 or a whole number of at least 1";
const fullList = <T extends z.ZodType>(entry: T) =>
  z.array(entry, "a list that is not empty").min(1, "a list that is not empty");
const names = <T extends string>(all: readonly T[]) => z.enum(all as readonly [T, ...T[]]);

const source = z.union([
  text,
  z.strictObject({
    path: text,
    format: names(datasetFormats).optional(),
    /** Columns by role, for tables with other column names. */
    columns: z.record(z.string(), text).optional(),
    split: text.optional(),
  }),
  z.strictObject({
    /** JavaScript module that exports a data set, from the folder of the settings file; its code runs only if that is allowed. */
    module: text,
    /** The argument of its exported function. */
    options: z.unknown().optional(),
  }),
  /** How the settings of a run record a data set that a program gave as an object. */
  z.strictObject({ dataset: text, rows: whole(1) }),
]);
const sources = z.union([source, fullList(source)]).transform((given) => (Array.isArray(given) ? given : [given]));
const fields = z.record(z.string(), z.unknown());

const objectiveNames = Object.keys(objectives) as ObjectiveName[];

/** In a fixed order, in which the losses are summed. */
const weights = z
  .partialRecord(names(objectiveNames), positive)
  .refine((given) => Object.keys(given).length > 0, "at least one objective with its weight")
  .transform((given): Partial<Record<ObjectiveName, number>> =>
    Object.fromEntries(objectiveNames.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))),
  );

/** Every setting but the name of a preset. */
export const schema = z.strictObject({
  /** Folder of the run: checkpoints, logs, results, and at its top the best model. */
  output: text,

  /** Starting points: folders, hub ids, files. Later ones replace values of earlier ones. None: random values. */
  start: z.union([text, z.array(text)]).transform((given) => (Array.isArray(given) ? given : [given])),
  /** Folder or hub id; by default that of the last starting point that has one. */
  tokenizer: text.optional(),
  /** Initialization of parameters that no starting point has. */
  initialization: names(["original", "transformers"]).default("original"),
  /** Fields of config.json that replace those of the starting point, text_config and vision_config field by field. */
  config: z.looseObject({ text_config: fields.optional(), vision_config: fields.optional() }).default({}),
  /** Names of parameters that are not taken from the starting point, such as a classifier with other answers; with `*` as in `frozen`. */
  reset: z.array(text).default([]),
  /** Names of parameters that are not trained; `*` matches any characters. */
  frozen: z.array(text).default([]),

  /** Folder of relative paths of data sets. */
  data_root: text.default("."),
  data: z.strictObject({ train: sources, validation: sources.optional() }),
  /**
   * File with the list of VQA answers; by default those of the classifier that the run starts from, else `answers.json` beside a data set,
   * else all answers of the data.
   */
  answers: text.optional(),

  /** Weight of each loss in the sum. */
  objectives: weights,
  /** Contrast: other pairs of the same image are positives, too. */
  soft_targets: z.boolean().default(false),
  /**
   * ITM: `pictures` gives half of the pairs another image, as the authors do. `texts` pairs each image with its caption and with a false
   * text: most often a hard negative of the data set (`negatives`), otherwise another caption of the batch.
   */
  itm_false: names(["pictures", "texts"]).default("pictures"),
  /** IRTR: false texts of each image. */
  draw_false_text: whole(1).default(15),
  mlm_prob: fraction.default(0.15),
  whole_word_masking: z.boolean().default(false),
  /** Tokens that texts are truncated to, start and end included. */
  max_text_len: whole(3).default(50),

  /** Side of the square that the model sees, in pixels; by default that of the starting point. */
  image_size: whole(1).optional(),
  train_transform: names(transformKeys).default("clip"),
  val_transform: names(transformKeys).default("clip"),

  /** Pairs of a step, over all processes and micro-batches. */
  batch_size: whole(1),
  /** Pairs of a micro-batch; 0: all that a process has of the step. */
  per_gpu_batchsize: whole(0).default(0),
  /** `exact`: micro-batches together are one batch, contrast included; `averaged`: the mean of their losses. */
  accumulation: names(["exact", "averaged"]).default("exact"),
  recompute: names(["nothing", "cheap", "blocks"]).default("cheap"),

  learning_rate: positive,
  /** Optimizer steps, or below 1 a fraction of all. */
  warmup_steps: nonNegative
    .refine(
      (steps) => steps < 1 || Number.isInteger(steps),
      "a whole number of steps, or a fraction of all between 0 and 1",
    )
    .default(0),
  decay_power: z.union([positive, z.literal("cosine")]).default(1),
  end_lr: nonNegative.default(0),
  weight_decay: nonNegative.default(0.01),
  lr_mult_head: nonNegative.default(5),
  lr_mult_cross_modal: nonNegative.default(5),
  adamw: names(["original", "decoupled"]).default("original"),
  /** Matrices of the layers are moved by Muon, all else by AdamW. */
  muon: z.boolean().default(false),
  betas: z.tuple([decay, decay], `a list of two, each ${decayWords}`).default([0.9, 0.98]),
  eps: positive.default(1e-8),
  max_grad_norm: positive.optional(),

  max_epoch: positive.default(10),
  /** Optimizer steps; -1: as many as max_epoch makes. */
  max_steps: z
    .number(stepWords)
    .int(stepWords)
    .refine((steps) => steps === -1 || steps >= 1, stepWords)
    .default(-1),
  seed: whole(0).default(0),
  /** A gradient that is not finite ends the run, or its step is skipped. */
  non_finite: names(["stop", "skip"]).default("stop"),

  /** Threads that decode images. Default: half of the cores, divided by the processes that share them. */
  num_workers: whole(1, 64).optional(),
  /** Threads of ONNX Runtime and of the optimizer. Default: all cores, divided by the processes that share them. */
  threads: whole(1, 1024).optional(),

  log_every_n_steps: whole(1).default(50),
  /** A validation and a checkpoint each: up to 1 a part of an epoch, above 1 a number of steps. */
  val_check_interval: positive.default(1),
  /** Steps between checkpoints, if there are to be more than those of validations. */
  save_steps: whole(1).optional(),
  /** Checkpoints that are kept beside the best one. */
  save_total_limit: whole(1).default(2),
  validation: z
    .strictObject({
      /** Metrics to compute; by default those of the objectives. */
      metrics: fullList(names(metrics)).optional(),
      /**
       * The result by which the best checkpoint is chosen, such as `r_mean`, or `itc_loss`, of which smaller is better. Results of further
       * data sets start with their name. By default the sum over the objectives: accuracies and scores, minus losses.
       */
      best_metric: text.optional(),
      /** Captions of each row to evaluate, from the first on; by default all. */
      captions_per_row: whole(1).optional(),
      /** Rows that retrieval compares with one another, group by group; by default all. */
      candidates: whole(2).optional(),
      /** Candidates that ITM re-ranks in retrieval; 0: none. */
      k_test: whole(0).default(0),
      /** Chunks of images and texts in retrieval; by default so many that one fits in memory. */
      image_chunks: whole(1).optional(),
      text_chunks: whole(1).optional(),
      /** Rows, from the first on. */
      limit: whole(1).optional(),
    })
    .prefault({}),
});
