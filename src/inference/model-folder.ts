/** A model folder: its config and its weights, opened together, because the weights know best how large the heads are. */
import { openCheckpoint, type Checkpoint } from "../checkpoint/index.js";
import { classifierFields } from "../conversion/index.js";
import type { BridgeTowerConfig } from "../model/index.js";
import { readConfig } from "./config-file.js";
import { tensorsByName } from "./weights.js";

export interface ModelFolder {
  readonly config: BridgeTowerConfig;
  readonly checkpoint: Checkpoint;
}

/** @throws InputError when `config.json` or the weights are missing or broken; whether they fit is not checked */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const [config, checkpoint] = await Promise.all([readConfig(folder), openCheckpoint(folder)]);
  return { config: configFor(checkpoint, config), checkpoint };
}

/**
 * The config with the sizes that the task classifiers have in the checkpoint: `task_head_layers`, `head_hidden_scale` and
 * `vqav2_label_size`, which published files lack or keep from another run. What the classifiers do not agree on stays as
 * `config.json` has it.
 */
export function configFor(checkpoint: Checkpoint, config: BridgeTowerConfig): BridgeTowerConfig {
  const tensors = tensorsByName(checkpoint);
  return { ...config, ...classifierFields((name) => tensors.get(name)?.shape, config) };
}
