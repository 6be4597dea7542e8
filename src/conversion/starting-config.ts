/** The initial config.json of a training run, and image settings for models without them. */
import { readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";

import { defaultImageSettings } from "../processing/index.js";
import { inferConfig, inferTowers, overlaid, type ConfigJson } from "./inferred-config.js";
import type { StartingTensors } from "./starting-tensors.js";

/** `config.json` of the model folder; empty if there is none. */
export const ownConfig = async (folder: string | undefined): Promise<ConfigJson> =>
  (folder === undefined ? undefined : await readJsonObjectIfPresent(join(folder, "config.json"))) ?? {};

/**
 * Fields of config.json: those inferred from the weights of each starting point, overridden by the config.json of a BridgeTower's
 * folder, by later starting points, and by the given fields. CLIP and RoBERTa have fields of their towers alone.
 * @example
 * const start = await openStart("models/emoji");
 * const config = parseConfig(await startingConfig([start], { nlvr2_drop_rate: 0.1 }));
 * console.log(config.hidden_size, config.nlvr2_drop_rate); // 192 0.1
 */
export async function startingConfig(starts: readonly StartingTensors[], given: ConfigJson): Promise<ConfigJson> {
  let config: ConfigJson = { model_type: "bridgetower" };
  for (const { source, folder, layout, tensors } of starts) {
    const whole = layout === "bridgetower" || layout === "original";
    const found = whole
      ? overlaid(inferConfig(source, tensors), await ownConfig(folder))
      : inferTowers(source, tensors);
    config = overlaid(config, found);
  }
  return overlaid(config, given);
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
