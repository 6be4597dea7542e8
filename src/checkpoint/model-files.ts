/** Names of the files in a model folder. */
import { answerListName } from "./answer-list.js";

export interface WeightFormat {
  readonly kind: "safetensors" | "torch";
  /** All weights in one file. */
  readonly file: string;
  /** The index of weights in several files. */
  readonly index: string;
}

/** Names under which weights are published, in the order of preference. */
export const weightFormats: readonly WeightFormat[] = [
  { kind: "safetensors", file: "model.safetensors", index: "model.safetensors.index.json" },
  { kind: "torch", file: "pytorch_model.bin", index: "pytorch_model.bin.index.json" },
];

export const tokenizerNames: readonly string[] = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "added_tokens.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
];

/** For images, texts and answers. */
export const processorNames: readonly string[] = [
  "preprocessor_config.json",
  "processor_config.json",
  ...tokenizerNames,
  answerListName,
];

/** All files that belong to a model, besides its weights. */
export const smallFiles: readonly string[] = ["config.json", ...processorNames];

/**
 * The files of a model folder that this program writes, for `replaceFiles`. The config is the last one: a folder without it is no model.
 * @param further other files that are written beside the weights
 */
export const modelFiles = (further: Iterable<string> = []): string[] => [
  "model.safetensors",
  ...new Set([...processorNames, ...further].filter((name) => name !== "model.safetensors" && name !== "config.json")),
  "config.json",
];
