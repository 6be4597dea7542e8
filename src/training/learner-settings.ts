/** The settings of a run as the learner takes them. */
import type { Collective } from "../distributed/index.js";
import { optimizerSettingNames, optimizerSettings, type LearnerSettings } from "../learner/index.js";
import type { BridgeTowerConfig } from "../model/index.js";
import type { TrainingSettings } from "./run-settings.js";

/** @throws InputError for a warm-up that is longer than the run */
export function learnerSettings(
  settings: TrainingSettings,
  config: BridgeTowerConfig,
  max_steps: number,
  collective: Collective,
): LearnerSettings {
  const { objectives, frozen, recompute, accumulation, seed, threads } = settings;
  const names: ReadonlySet<string> = new Set(optimizerSettingNames);
  const all: Parameters<typeof optimizerSettings>[0] = { ...settings, max_steps };
  const entries = Object.entries(all).filter(([name]) => names.has(name));
  // The same settings without those of the run.
  const optimizer = optimizerSettings(Object.fromEntries(entries) as typeof all);
  return { config, objectives, optimizer, frozen, recompute, accumulation, seed, threads, collective };
}
