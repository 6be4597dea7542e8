/** The tiny model of the fixtures, as a config. */
import { readFileSync } from "node:fs";
import { parseConfig, type BridgeTowerConfig } from "../model/index.js";

const { configs } = JSON.parse(
  readFileSync(new URL("../../fixtures/data/model/names.json", import.meta.url), "utf8"),
) as { configs: { tiny: object } };

export const tiny = (changes: object = {}): BridgeTowerConfig => parseConfig({ ...configs.tiny, ...changes });

/** The same with all dropout off. */
export const tinyWithoutDropout = (changes: object = {}): BridgeTowerConfig =>
  parseConfig(withoutDropout({ ...configs.tiny, ...changes }));

/** The JSON of a config with all dropout off. */
export function withoutDropout(json: unknown): object {
  const { text_config, ...top } = json as { text_config?: object };
  return {
    ...top,
    text_config: { ...text_config, hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
    nlvr2_drop_rate: 0,
  };
}
