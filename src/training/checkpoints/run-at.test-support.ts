import { elementCount, HostTensor } from "../../graph/index.js";
import type { SavedRun } from "./write-checkpoint.js";

export const parameters = [
  { name: "text_model.embeddings.word_embeddings.weight", shape: [30, 4] },
  { name: "cross_modal_text_transform.bias", shape: [4] },
  { name: "itm_score.fc.weight", shape: [2, 9] },
  { name: "temperature", shape: [] },
] as const;

/** Not trained, so without optimizer state. */
export const frozen = "cross_modal_text_transform.bias";
export const trained = parameters.map(({ name }) => name).filter((name) => name !== frozen);

/** The run after `step` steps. */
export function runAt(step: number): SavedRun & { parameters: Map<string, HostTensor<"float32">> } {
  const array = (name: string, shape: readonly number[], kind: number) =>
    Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(step + 7 * kind + i + name.length));
  return {
    step,
    config: { model_type: "bridgetower", hidden_size: 4 },
    parameters: new Map(
      parameters.map(({ name, shape }) => [name, new HostTensor("float32", shape, array(name, shape, 0))]),
    ),
    documents: { "answers.json": ["yes", "no"] },
    optimizer: new Map(
      parameters
        .filter(({ name }) => name !== frozen)
        .map(({ name, shape }) => [name, { m: array(name, shape, 1), v: array(name, shape, 2) }]),
    ),
    state: {
      global_step: step,
      epoch: step / 7,
      max_steps: 1000,
      num_train_epochs: 10,
      best_metric: step === 0 ? null : 0.1 + 0.2,
      best_model_checkpoint: step === 0 ? null : "checkpoint-1",
      best_global_step: step === 0 ? null : 1,
      log_history: [{ step, loss: 1 / 3 }],
      bridgetower: { seed: 5, settings: { batch_size: 2 }, samples_seen: 2 * step, further: ["x"] },
    },
  };
}
