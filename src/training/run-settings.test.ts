import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { configWarnings, differences, trainingSettings, type TrainingInput } from "./run-settings.js";
import { unusedSettings } from "./unused-settings.js";

const least = {
  output: "run",
  start: [],
  data: { train: "pairs" },
  objectives: { itm: 1 },
  batch_size: 4,
  learning_rate: 1e-3,
};

function complaint(given: unknown): string {
  try {
    trainingSettings(given, "run.json");
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error("expected an InputError");
}

test.each<[object, string]>([
  [
    { batchsize: 2 },
    "batchsize: expected a setting of a training run, found an unknown name. The nearest is batch_size.",
  ],
  [
    { validation: { k_tset: 1 } },
    "validation.k_tset: expected a setting of a training run, found an unknown name. The nearest is k_test.",
  ],
  [
    { data: { train: "x", test: "y" } },
    "data.test: expected a setting of a training run, found an unknown name. There are train, validation.",
  ],
  [
    { data: { train: [{ path: "x", fromat: "arrow" }] } },
    "data.train.0.fromat: expected a setting of a training run, found an unknown name. The nearest is format.",
  ],
  [
    { objectives: { itmm: 1 } },
    "objectives.itmm: expected a setting of a training run, found an unknown name. The nearest is itm or itc.",
  ],
  [{ config: { text_config: "wide" } }, 'config.text_config: expected an object, found "wide".'],
  [{ batch_size: "4" }, 'batch_size: expected a whole number of at least 1, found "4".'],
  [{ batch_size: 2.5 }, "batch_size: expected a whole number of at least 1, found 2.5."],
  [{ soft_targets: "yes" }, 'soft_targets: expected true or false, found "yes".'],
  [{ frozen: "itm_score.*" }, 'frozen: expected a list, found "itm_score.*".'],
  [{ reset: [1] }, "reset.0: expected text, found 1."],
  [{ output: "" }, 'output: expected text that is not empty, found "".'],
  [{ output: undefined }, "output: expected text, found undefined."],
  [{ learning_rate: 0 }, "learning_rate: expected a number above 0, found 0."],
  [{ learning_rate: Infinity }, "learning_rate: expected a number above 0, found Infinity."],
  [{ seed: NaN }, "seed: expected a whole number of at least 0, found NaN."],
  [{ mlm_prob: 1.5 }, "mlm_prob: expected a number from 0 to 1, found 1.5."],
  [{ num_workers: 65 }, "num_workers: expected a whole number from 1 to 64, found 65."],
  [{ max_text_len: 2 }, "max_text_len: expected a whole number of at least 3, found 2."],
  [{ betas: [0.9] }, "betas: expected a list of two, each a number of at least 0 and below 1, found [0.9]."],
  [{ betas: [0.9, 1] }, "betas.1: expected a number of at least 0 and below 1, found 1."],
  [
    { warmup_steps: 1.5 },
    "warmup_steps: expected a whole number of steps, or a fraction of all between 0 and 1, found 1.5.",
  ],
  [{ objectives: {} }, "objectives: expected at least one objective with its weight, found {}."],
  [{ objectives: { itm: 0 } }, "objectives.itm: expected a number above 0, found 0."],
  [{ accumulation: "exakt" }, 'accumulation: expected one of exact, averaged, found "exakt". The nearest is exact.'],
  [{ initialization: "zeros" }, 'initialization: expected one of original, transformers, found "zeros".'],
  [{ max_steps: 0 }, "max_steps: expected -1 or a whole number of at least 1, found 0."],
  [{ decay_power: "fast" }, 'decay_power: expected a number above 0 or "cosine", found "fast".'],
  [
    { decay_power: "cosin" },
    'decay_power: expected a number above 0 or "cosine", found "cosin". The nearest is cosine.',
  ],
  [{ start: undefined }, "start: expected text or a list, found undefined."],
  [{ start: ["a", 3] }, "start.1: expected text, found 3."],
  [{ data: undefined }, "data: expected an object, found undefined."],
  [{ data: {} }, "data.train: expected text or an object or a list that is not empty, found undefined."],
  [{ data: { train: [] } }, "data.train: expected a list that is not empty, found []."],
  [
    { data: { train: { path: "x", format: "arow" } } },
    'format: expected one of folder, sidecar, arrow, parquet, webdataset, found "arow". The nearest is arrow.',
  ],
  [{ data: { train: [{ format: "arrow" }] } }, "data.train.0.path: expected text, found undefined."],
  [{ validation: { metrics: [] } }, "validation.metrics: expected a list that is not empty, found []."],
  [{ validation: { image_chunks: 0 } }, "validation.image_chunks: expected a whole number of at least 1, found 0."],
  [{ recipe: "vqav2_bse" }, "The nearest is vqav2_base."],
])("%j is refused in words", (changes, message) => {
  const found = complaint({ ...least, ...changes });
  expect(found.startsWith("run.json: ")).toBe(true);
  expect(found).toContain(message);
});

test.each([3, null, [], "run"])("%j is no settings", (given) => {
  expect(complaint(given)).toMatch(/^run\.json: expected an object with settings, found /);
});

test("a mistyped name is reported before the setting that is missing because of it", () => {
  const { output, ...rest } = least;
  expect(complaint({ ...rest, ouput: output })).toBe(
    "run.json: ouput: expected a setting of a training run, found an unknown name. The nearest is output.",
  );
  expect(complaint({ name: "a package", version: "1" })).toBe("run.json: output: expected text, found undefined.");
});

test("unknown transforms are refused", () => {
  expect(complaint({ ...least, train_transform: "pixelbert" })).toMatch(
    /expected one of clip, [^:]*blip_randaug_wohf, found/,
  );
});

test("defaults are filled in, and a single starting point or data set is a list of one", () => {
  const settings = trainingSettings({
    ...least,
    start: "roberta-base",
    data: { train: { path: "a" }, validation: "b" },
  });
  expect(settings).toMatchObject({
    start: ["roberta-base"],
    data: { train: [{ path: "a" }], validation: ["b"] },
    max_steps: -1,
    max_epoch: 10,
    weight_decay: 0.01,
    lr_mult_head: 5,
    lr_mult_cross_modal: 5,
    betas: [0.9, 0.98],
    eps: 1e-8,
    adamw: "original",
    warmup_steps: 0,
    val_check_interval: 1,
    save_total_limit: 2,
    validation: { k_test: 0 },
  });
  expect(settings.validation).not.toHaveProperty("image_chunks");
  expect(settings.save_steps).toBeUndefined();
});

test("fields of other programs stay in the config; those that look like a slip are named", () => {
  const config = { architectures: ["BridgeTowerModel"], torch_dtype: "float32", id2label: { 0: "a" } };
  const settings = trainingSettings({ ...least, config });
  expect(settings.config).toEqual(config);
  expect(configWarnings(settings)).toEqual([]);
  const slips = { hiden_size: 8, hidden_size: 8, vision_config: { imagesize: 8 }, text_config: { hidden_size: 8 } };
  expect(configWarnings(trainingSettings({ ...least, config: slips }))).toEqual([
    "config.hiden_size has no effect; the nearest field that has one is hidden_size",
    "config.vision_config.imagesize has no effect; the nearest field that has one is image_size",
  ]);
});

test("given settings replace those of the preset; config and validation field by field, data and objectives as a whole", () => {
  const settings = trainingSettings({
    output: "run",
    recipe: "irtr_itm_itc_f30k_base",
    learning_rate: 1e-4,
    config: { contrastive_hidden_size: 64, text_config: { num_hidden_layers: 2 } },
    validation: { limit: 10 },
    data: { train: "mine" },
    objectives: { itc: 2 },
  });
  expect(settings).toMatchObject({
    learning_rate: 1e-4,
    batch_size: 512,
    config: { contrastive_form: "dual", contrastive_hidden_size: 64, text_config: { num_hidden_layers: 2 } },
    validation: { limit: 10, k_test: 128 },
    data: { train: ["mine"] },
    objectives: { itc: 2 },
  });
  expect(settings.data.validation).toBeUndefined();
  expect(settings.objectives).toEqual({ itc: 2 });
});

test("a settings file may name its schema, which is no setting", () => {
  const given = { $schema: "./settings.schema.json", ...least };
  expect(trainingSettings(given)).toStrictEqual(trainingSettings(least));
  expect(complaint({ ...least, $schema: 1 })).toBe("run.json: $schema: expected text, found 1.");
});

test("losses are added in one order, not in the order of the file", () => {
  const given = (objectives: object) => trainingSettings({ ...least, objectives });
  expect(Object.keys(given({ itc: 1, itm: 1, mlm: 2 }).objectives)).toEqual(["mlm", "itm", "itc"]);
});

test("settings that change the numbers of a run are listed separately", () => {
  const before = trainingSettings({ ...least, config: { hidden_size: 8, num_hidden_layers: 2 } });
  const now = (changes: object) => trainingSettings({ ...least, config: before.config, ...changes });
  expect(differences(before, now({ config: { num_hidden_layers: 2, hidden_size: 8 } }))).toEqual([]);
  // A checkpoint keeps them as JSON.
  expect(differences(JSON.parse(JSON.stringify(before)) as typeof before, now({}))).toEqual([]);
  const free = {
    output: "moved",
    threads: 3,
    num_workers: 2,
    save_steps: 7,
    validation: { limit: 3 },
    non_finite: "skip",
  };
  expect(differences(before, now({ ...free, val_check_interval: 0.5 }))).toEqual([]);
  expect(differences(before, now({ seed: 1, objectives: { itm: 1, mlm: 1 }, config: { hidden_size: 16 } }))).toEqual([
    "config",
    "objectives",
    "seed",
  ]);
  expect(differences(before, now({ max_grad_norm: 1 }))).toEqual(["max_grad_norm"]);
});

test("a given setting that changes nothing is a warning, unless a preset has it", () => {
  const given: TrainingInput = { ...least, objectives: { snli: 1 }, start: [], batch_size: 2, learning_rate: 1e-3 };
  const options = {
    soft_targets: true,
    itm_false: "texts",
    draw_false_text: 3,
    mlm_prob: 0.3,
    whole_word_masking: true,
    answers: "answers.json",
    validation: { limit: 3 },
  } as const;
  expect(unusedSettings(given)).toEqual([]);
  expect(unusedSettings({ ...given, ...options })).toEqual([
    "soft_targets has no effect without the objective itc",
    "itm_false has no effect without the objective itm",
    "draw_false_text has no effect without the objective irtr",
    "mlm_prob has no effect without the objective mlm",
    "whole_word_masking has no effect without the objective mlm",
    "answers has no effect without the objective vqa",
    "validation has no effect without data.validation",
  ]);
  const objectives = { itc: 1, itm: 1, mlm: 1, irtr: 1, vqa: 1 };
  const data = { train: "pairs", validation: "others" };
  expect(unusedSettings({ ...given, ...options, data, objectives })).toEqual([]);
  const validation = { k_test: 5, candidates: 4, image_chunks: 2, text_chunks: 1 };
  expect(unusedSettings({ ...given, data, validation })).toEqual([
    "validation.candidates has no effect without the metric retrieval",
    "validation.k_test has no effect without the metric retrieval",
    "validation.image_chunks has no effect without the metric retrieval",
    "validation.text_chunks has no effect without the metric retrieval",
  ]);
  expect(unusedSettings({ ...given, data, validation, objectives: { itm_itc: 1 } })).toEqual([]);
  expect(unusedSettings({ ...given, recipe: "irtr_itm_itc_coco_base", data })).toEqual([]);
});
