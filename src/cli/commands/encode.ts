import type { Command } from "commander";
import type { BridgeTowerModelOutput } from "../../inference/index.js";
import { addCommonOptions, loadOptions, requireOptions, single, type CommonOptions } from "../options.js";
import { checkOutputFile, writeTensors, type Tensors } from "../terminal/output.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";

interface EncodeOptions extends CommonOptions {
  readonly image: string;
  readonly text: string;
  readonly out: string;
  readonly hiddenStates?: boolean;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "text", "out"]);
  addCommonOptions(
    command
      .addOption(single("--image <file>", "image"))
      .addOption(single("--text <text>", "text"))
      .addOption(single("--out <file>", "safetensors file to write"))
      .option("--hidden-states", "also write the states of every layer"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower encode --image photo.png --text 'a fox left of a moose' --out features.safetensors",
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
      const output = await model.forward(batch, { output_hidden_states: hiddenStates });
      await writeTensors(out, namedTensors(output), json, terminal);
    });
}

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
