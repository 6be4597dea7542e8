/** The settings of a run as learner and optimizer take them. */
import type { Collective } from "../distributed/index.js";
import type { BridgeTowerConfig } from "../model/index.js";
import { optimizerSettings, type LearnerSettings } from "../learner/index.js";
import type { TrainingSettings } from "./run-settings.js";

/** @throws InputError for a warm-up that is longer than the run */
export function learnerSettings(
  settings: TrainingSettings,
  config: BridgeTowerConfig,
  max_steps: number,
  collective: Collective,
): LearnerSettings {
  const { objectives, frozen, recompute, accumulation, seed, threads } = settings;
  const { adamw, learning_rate, warmup_steps, decay_power, end_lr, max_grad_norm } = settings;
  const { muon, weight_decay, lr_mult_head, lr_mult_cross_modal, betas, eps } = settings;
  const optimizer = optimizerSettings({
    adamw,
    muon,
    learning_rate,
    warmup_steps,
    decay_power,
    end_lr,
    max_steps,
    weight_decay,
    lr_mult_head,
    lr_mult_cross_modal,
    betas,
    eps,
    max_grad_norm,
  });
  return { config, objectives, optimizer, frozen, recompute, accumulation, seed, threads, collective };
}
