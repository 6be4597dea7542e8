/** The config.json that a training run begins with, from its starting points. */
import { readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";

import { inferConfig, inferTowers, overlaid, type ConfigJson } from "./inferred-config.js";
import type { StartingTensors } from "./starting-tensors.js";

export const maxConfigFile = 2 ** 20;

/** `config.json` of the model folder; nothing where there is none. */
export const ownConfig = async (folder: string | undefined): Promise<ConfigJson> =>
  folder === undefined
    ? {}
    : ((await readJsonObjectIfPresent(join(folder, "config.json"), { maxBytes: maxConfigFile })) ?? {});

/**
 * Fields of config.json: what the weights of each starting point tell, over it the config.json of a BridgeTower's folder, later
 * starting points over earlier ones, the given fields over all. CLIP and RoBERTa tell of their towers alone.
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
