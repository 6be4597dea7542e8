/** Opens a model folder: config and weights together, because the weights determine the sizes of the task heads. */
import { join } from "node:path";
import { openCheckpoint, type Checkpoint } from "../checkpoint/index.js";
import { classifierFields, cleanNames, fileDecoderNote, keepsFileDecoder } from "../conversion/index.js";
import { InputError } from "../errors.js";
import { readJsonObjectIfPresent, type JsonObject } from "../files/index.js";
import { parseConfig, type BridgeTowerConfig } from "../model/index.js";
import { tensorsByName } from "./weights.js";

export interface ModelFolder {
  readonly config: BridgeTowerConfig;
  /** `config.json` as it is in the file. */
  readonly configJson: JsonObject;
  /** With the names of published files, whatever the names in the file are. */
  readonly checkpoint: Checkpoint;
}

/** @throws InputError if `config.json` or the weights are missing or broken; whether they fit together is not checked */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const reading = readConfig(folder);
  // Awaited below: the error of the weights may say what the folder is.
  reading.catch(() => undefined);
  const opened = await openCheckpoint(folder).catch(async (error: unknown) => {
    if (!(error instanceof InputError) || error.code !== "unsupported-format") await reading;
    throw error;
  });
  const { config, configJson } = await reading;
  const { clean, notes } = cleanNames(opened.source, [...opened.tensors.keys()]);
  const tensors = new Map([...opened.tensors].map(([name, tensor]) => [clean(name), tensor]));
  const byName = tensorsByName({ tensors });
  const hasDecoder = await keepsFileDecoder(config, (name) => byName.get(name));
  const checkpoint = {
    ...opened,
    tensors,
    notes: [...opened.notes, ...notes, ...(hasDecoder ? [fileDecoderNote] : [])],
  };
  const used = hasDecoder ? { ...config, tie_word_embeddings: false } : config;
  return { config: configFor(checkpoint, used), configJson, checkpoint };
}

/**
 * The checked `config.json` of a model folder.
 * @throws InputError if it is missing, not a regular file, not JSON, or contradicts itself
 */
export async function readConfig(folder: string): Promise<Pick<ModelFolder, "config" | "configJson">> {
  const where = join(folder, "config.json");
  const configJson = await readJsonObjectIfPresent(where);
  if (configJson !== undefined) return { config: parseConfig(configJson, where), configJson };
  throw new InputError({
    code: "file-not-found",
    where,
    expected: "the model's configuration",
    found: "no such file",
    hint: "Pass the folder of a checkpoint in Hugging Face layout",
  });
}

/**
 * The config with the sizes of the task classifiers in the checkpoint: `task_head_layers`, `head_hidden_scale` and
 * `vqav2_label_size`, which published files lack or keep from another run. If the classifiers differ in a size, it stays as in
 * `config.json`.
 */
export function configFor(checkpoint: Pick<Checkpoint, "tensors">, config: BridgeTowerConfig): BridgeTowerConfig {
  const tensors = tensorsByName(checkpoint);
  return { ...config, ...classifierFields((name) => tensors.get(name)?.shape, config) };
}
