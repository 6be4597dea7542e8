/** The initial config.json of a training run, and image settings for models without them. */
import { readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";

import type { HubOptions } from "../checkpoint/index.js";
import { defaultImageSettings } from "../processing/index.js";
import { reportNotes } from "./checkpoint-names.js";
import { fileDecoderNote, keepsFileDecoder } from "./file-decoder.js";
import { inferConfig, inferTowers, overlaid, type ConfigJson } from "./inferred-config.js";
import type { StartingTensors } from "./starting-tensors.js";

/** `config.json` of the model folder; empty if there is none. */
export const ownConfig = async (folder: string | undefined): Promise<ConfigJson> =>
  (folder === undefined ? undefined : await readJsonObjectIfPresent(join(folder, "config.json"))) ?? {};

/**
 * Fields of config.json: those inferred from the weights of each starting point, overridden by the config.json of a BridgeTower's
 * folder, by later starting points, and by the given fields. CLIP and RoBERTa have fields of their towers alone. A decoder of masked words
 * in the file is used even if `tie_word_embeddings` is true there, with a warning if it differs from the word embeddings.
 * @example
 * const start = await openStart("models/emoji");
 * const config = parseConfig(await startingConfig([start], { nlvr2_drop_rate: 0.1 }));
 * console.log(config.hidden_size, config.nlvr2_drop_rate); // 192 0.1
 */
export async function startingConfig(
  starts: readonly StartingTensors[],
  given: ConfigJson,
  { onWarning }: Pick<HubOptions, "onWarning"> = {},
): Promise<ConfigJson> {
  let config: ConfigJson = { model_type: "bridgetower" };
  for (const start of starts) {
    const { source, folder, layout, tensors } = start;
    const whole = layout === "bridgetower" || layout === "original";
    const found = whole
      ? await untiedIfDifferent(overlaid(inferConfig(source, tensors), await ownConfig(folder)), start, onWarning)
      : inferTowers(source, tensors);
    config = overlaid(config, found);
  }
  return overlaid(config, given);
}

/** The config with `tie_word_embeddings: false` if the file has a decoder that differs from the word embeddings. */
export async function untiedIfDifferent(
  config: ConfigJson,
  { source, tensors }: StartingTensors,
  onWarning: HubOptions["onWarning"],
): Promise<ConfigJson> {
  if (!(await keepsFileDecoder(config, (name) => tensors.get(name)?.parts[0]))) return config;
  reportNotes({ source, notes: [fileDecoderNote] }, onWarning);
  return { ...config, tie_word_embeddings: false };
}

/** Content of `preprocessor_config.json` as published with the checkpoints, for images of `edge` × `edge` pixels. */
export const preprocessorConfig = (edge: number) => ({
  image_processor_type: "BridgeTowerImageProcessor",
  ...defaultImageSettings,
  size: { shortest_edge: edge },
  crop_size: { shortest_edge: edge },
  // Resized sides are multiples of it: a model for tiny images needs a smaller one.
  size_divisor: Math.min(defaultImageSettings.size_divisor, edge),
});
