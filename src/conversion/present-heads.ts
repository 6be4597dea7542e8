import { heads, parameterList, type BridgeTowerConfig, type Head } from "../model/index.js";
import type { StartingTensors } from "./starting-tensors.js";

/** The heads of which a starting point has any tensor. */
export function presentHeads(config: BridgeTowerConfig, { tensors }: StartingTensors): Head[] {
  const body = new Set(parameterList(config, []).used.map(({ name }) => name));
  return heads.filter((head) => {
    if (head === "itc" && config.contrastive_hidden_size === undefined) return false;
    return parameterList(config, [head]).used.some(({ name }) => !body.has(name) && tensors.has(name));
  });
}
