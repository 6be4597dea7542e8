import { expect, test } from "vitest";
import { optimizerSettings } from "./index.js";

const needed = { learning_rate: 1e-5, warmup_steps: 0.1, max_steps: 100 };

test("defaults are those of the authors", () => {
  expect(optimizerSettings(needed)).toEqual({
    ...needed,
    weight_decay: 0.01,
    lr_mult_head: 5,
    lr_mult_cross_modal: 5,
    betas: [0.9, 0.98],
    eps: 1e-8,
    decay_power: 1,
    end_lr: 0,
    adamw: "original",
    muon: false,
    max_grad_norm: undefined,
    ema_decay: undefined,
  });
});

test.each([
  ["learning_rate", 0],
  ["learning_rate", "1e-5"],
  ["learning_rate", undefined],
  ["warmup_steps", 1.5],
  ["warmup_steps", -1],
  ["warmup_steps", 101],
  ["max_steps", 0],
  ["max_steps", 10.5],
  ["decay_power", "linear"],
  ["end_lr", -1],
  ["weight_decay", NaN],
  ["lr_mult_head", Infinity],
  ["betas", [0.9]],
  ["betas", [0.9, 1]],
  ["eps", 0],
  ["adamw", "adam"],
  ["muon", "yes"],
  ["max_grad_norm", 0],
  ["ema_decay", 1],
  ["weight_deacy", 0.1],
  ["momentum", 0.9],
])("%s %j is refused", (name, value) => {
  expect(() => optimizerSettings({ ...needed, [name]: value })).toThrowErrorMatchingSnapshot();
});
