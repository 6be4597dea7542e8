/** Names under which weights are published, in the order of preference. */

export interface WeightFormat {
  readonly kind: "safetensors" | "torch";
  /** All weights in one file. */
  readonly file: string;
  /** The index of weights in several files. */
  readonly index: string;
}

export const weightFormats: readonly WeightFormat[] = [
  { kind: "safetensors", file: "model.safetensors", index: "model.safetensors.index.json" },
  { kind: "torch", file: "pytorch_model.bin", index: "pytorch_model.bin.index.json" },
];
