import { int64Matrix, type GoldenCase } from "../../fixtures/golden.js";
import { HostTensor } from "../graph/index.js";

/** A golden case's batch, with a mask of ones if it has none, and its labels. */
export function trainingFeeds({ inputs, labels }: GoldenCase): Record<string, HostTensor> {
  const { input_ids } = inputs;
  return {
    attention_mask: new HostTensor("int64", input_ids.shape, new BigInt64Array(input_ids.data.length).fill(1n)),
    ...inputs,
    itm_labels: new HostTensor("int64", [labels.itm.length], BigInt64Array.from(labels.itm, BigInt)),
    mlm_labels: int64Matrix(labels.mlm),
  };
}
