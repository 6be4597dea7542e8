import type { Command } from "commander";
import { addCommonOptions, requireOptions, single, taskOptions, type CommonOptions } from "../options.js";
import { probabilities } from "../terminal/probabilities.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";

interface EntailOptions extends CommonOptions {
  readonly image: string;
  readonly hypothesis: string;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "hypothesis"]);
  addCommonOptions(
    command
      .addOption(single("--image <file>", "image"))
      .addOption(single("--hypothesis <text>", "statement about the image, or - for a line of standard input")),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower entail --model snli-ve/ --image photo.png --hypothesis 'an animal is outdoors'",
    )
    .action(async (options: EntailOptions) => {
      const hypothesis = await readText(options.hypothesis, terminal.stdin);
      const { BridgeTower } = await import("../../inference/index.js");
      const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, ["entail"]));
      const labels = await model.entail(options.image, hypothesis);
      terminal.show(options.json, { hypothesis, labels }, () => {
        const rows = labels.map(({ label, probability }) => ({ name: label, probability }));
        return probabilities(hypothesis, rows, terminal);
      });
    });
}
