/** The commands of `bridgetower`. The module of a command is loaded when the command is run. */
import type { Command } from "commander";
import type { Terminal } from "./terminal/terminal.js";

/** Adds options, help and action to the command. */
export type Configure = (command: Command, terminal: Terminal) => void;

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Configure>;
}

const tasks = () => import("./commands/tasks.js");
const tensors = () => import("./commands/tensors.js");

export const commands: readonly CommandEntry[] = [
  { name: "match", summary: "score images against texts", load: async () => (await tasks()).match },
  { name: "fill-mask", summary: "predict masked words", load: async () => (await tasks()).fillMask },
  {
    name: "embed",
    summary: "embed images, texts and pairs",
    load: async () => (await import("./commands/embed.js")).embed,
  },
  { name: "answer", summary: "answer a question about an image", load: async () => (await tasks()).answer },
  {
    name: "entail",
    summary: "classify a text as entailed, neutral or contradicted by an image",
    load: async () => (await tasks()).entail,
  },
  { name: "compare", summary: "check a statement about two images", load: async () => (await tasks()).compare },
  { name: "encode", summary: "write the model's features to a file", load: async () => (await tensors()).encode },
  { name: "preprocess", summary: "write the model's inputs to a file", load: async () => (await tensors()).preprocess },
  {
    name: "export",
    summary: "write the model as ONNX files",
    load: async () => (await import("./commands/export.js")).exportModel,
  },
  {
    name: "convert",
    summary: "convert a training checkpoint to the Hugging Face layout",
    load: async () => (await import("./commands/convert.js")).convert,
  },
  {
    name: "prepare",
    summary: "convert a published data set to Arrow tables",
    load: async () => (await import("./commands/prepare.js")).prepare,
  },
  {
    name: "train",
    summary: "train a model, or resume a run",
    load: async () => (await import("./commands/train.js")).train,
  },
  {
    name: "evaluate",
    summary: "evaluate a model on a data set",
    load: async () => (await import("./commands/evaluate.js")).evaluate,
  },
];
