/** A model folder: its config and its weights, opened together, because the weights know best how large the heads are. */
import { openCheckpoint, type Checkpoint } from "../checkpoint/index.js";
import { classifierWidth, headHiddenScale, type BridgeTowerConfig } from "../model/index.js";
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
  const classifierOf = (task: string): Classifier | undefined =>
    classifier((layer) => tensors.get(`${task}_classifier.${layer}.weight`)?.shape);
  const vqa = classifierOf("vqa");
  const all = [vqa, classifierOf("snli"), classifierOf("nlvr2")].filter((one) => one !== undefined);
  const layers = onlyOne(all.map((one) => one.layers));
  const width = onlyOne(all.flatMap((one) => one.width ?? []));
  return {
    ...config,
    vqav2_label_size: vqa?.classes ?? config.vqav2_label_size,
    task_head_layers: layers ?? config.task_head_layers,
    head_hidden_scale:
      width === undefined || classifierWidth(config) === width
        ? config.head_hidden_scale
        : headHiddenScale(width, config.hidden_size),
  };
}

interface Classifier {
  readonly layers: 1 | 2;
  /** Between the two layers. */
  readonly width: number | undefined;
  readonly classes: number;
}

/** What the shapes [outputs, inputs] of the linear layers .0 and .3 say; nothing where they are no such shapes. */
function classifier(shapeOf: (layer: number) => readonly number[] | undefined): Classifier | undefined {
  const [first, last] = [shapeOf(0), shapeOf(3)];
  const isMatrix = (shape: readonly number[]) => shape.length === 2 && shape.every((size) => size > 0);
  if (first === undefined || !isMatrix(first)) return undefined;
  if (last === undefined) return { layers: 1, width: undefined, classes: first[0]! };
  return isMatrix(last) ? { layers: 2, width: first[0]!, classes: last[0]! } : undefined;
}

/** The value that all entries have. */
function onlyOne(values: readonly number[]): number | undefined {
  const [first, ...others] = new Set(values);
  return others.length === 0 ? first : undefined;
}
