/** The commands that write tensors to a safetensors file: encode (the model's features) and preprocess (its inputs). */
import type { Command } from "commander";
import type { WritableTensor } from "../../checkpoint/index.js";
import type { BridgeTowerModelOutput } from "../../inference/index.js";
import { readText } from "../command-inputs.js";
import {
  addInferenceOptions,
  addModelOptions,
  loadOptions,
  requireOptions,
  single,
  UsageError,
  type InferenceOptions,
  type ModelOptions,
  exampleText,
} from "../options.js";
import { checkOutputFile } from "../output-paths.js";
import { table } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface EncodeOptions extends InferenceOptions {
  readonly image: string;
  readonly text: string;
  readonly out: string;
  readonly hiddenStates?: boolean;
}

interface PreprocessOptions extends ModelOptions {
  readonly image?: string;
  readonly text?: string;
  readonly out: string;
}

const addInputs = (command: Command): Command =>
  command
    .addOption(single("--image <file>", "image"))
    .addOption(single("--text <text>", "text, or - for a line of standard input"))
    .addOption(single("--out <file>", "safetensors file to write"));

export function encode(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "text", "out"]);
  addInferenceOptions(addInputs(command).option("--hidden-states", "also write the states of every layer"))
    .addHelpText(
      "after",
      exampleText(["encode --image photo.png --text 'a fox left of a moose' --out features.safetensors"]),
    )
    .action(async ({ image, out, json, hiddenStates, ...options }: EncodeOptions) => {
      await checkOutputFile(out);
      const text = await readText(options.text, terminal.stdin);
      const { BridgeTowerModel, BridgeTowerProcessor, defaultModel } = await import("../../inference/index.js");
      const { model: name = defaultModel } = options;
      const load = loadOptions(options, terminal);
      const model = await BridgeTowerModel.fromPretrained(name, load);
      const processor = await BridgeTowerProcessor.fromPretrained(name, load);
      const batch = await processor.process(image, text, { truncation: true });
      const output = await model.forward(batch, { outputHiddenStates: hiddenStates });
      await writeTensors(out, namedTensors(output), json, terminal);
    });
}

export function preprocess(command: Command, terminal: Terminal): void {
  requireOptions(command, ["out"]);
  addModelOptions(addInputs(command))
    .addHelpText(
      "after",
      exampleText(["preprocess --image photo.png --text 'a fox left of a moose' --out batch.safetensors"]),
    )
    .action(async ({ image, out, json, ...options }: PreprocessOptions) => {
      if (image === undefined && options.text === undefined) {
        throw new UsageError({
          where: "preprocess",
          expected: "an image or a text",
          found: "neither",
          hint: "Give --image or --text",
        });
      }
      await checkOutputFile(out);
      const text = options.text === undefined ? undefined : await readText(options.text, terminal.stdin);
      const { BridgeTowerProcessor, defaultModel } = await import("../../inference/index.js");
      const load = loadOptions(options, terminal);
      const processor = await BridgeTowerProcessor.fromPretrained(options.model ?? defaultModel, load);
      const batch = await processor.process(image, text, { truncation: true });
      await writeTensors(out, new Map(Object.entries(batch)), json, terminal);
    });
}

type Tensors = ReadonlyMap<string, WritableTensor>;

function namedTensors({
  text_features,
  image_features,
  pooler_output,
  hidden_states,
}: BridgeTowerModelOutput): Tensors {
  const { text = [], image = [], cross = [] } = hidden_states ?? {};
  return new Map([
    ["text_features", text_features],
    ["image_features", image_features],
    ["pooler_output", pooler_output],
    ...text.map((tensor, i) => [`hidden_states.text.${i}`, tensor] as const),
    ...image.map((tensor, i) => [`hidden_states.image.${i}`, tensor] as const),
    ...cross.map(({ text: tensor }, i) => [`hidden_states.cross_text.${i}`, tensor] as const),
    ...cross.map(({ image: tensor }, i) => [`hidden_states.cross_image.${i}`, tensor] as const),
  ]);
}

/** Writes the file completely or not at all, then shows names and shapes. */
async function writeTensors(out: string, tensors: Tensors, json: boolean | undefined, terminal: Terminal) {
  const { writeSafetensors } = await import("../../checkpoint/index.js");
  await terminal.interrupts.whileWriting(() => writeSafetensors(out, tensors));
  const list = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  await terminal.show(json, { out, tensors: list }, () => {
    const rows = list.map(({ name, dtype, shape }) => ({ cells: [name, dtype, shape.join(" × ")] }));
    return `${escapeControlChars(out)}\n${table(rows, { indent: 2 })}`;
  });
}
