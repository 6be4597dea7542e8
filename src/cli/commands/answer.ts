import type { Command } from "commander";
import { addCommonOptions, requireOptions, single, wholeNumber, taskOptions, type CommonOptions } from "../options.js";
import { probabilities } from "../terminal/probabilities.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";

interface AnswerOptions extends CommonOptions {
  readonly image: string;
  readonly question: string;
  readonly topK?: number;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "question"]);
  addCommonOptions(
    command
      .addOption(single("--image <file>", "image"))
      .addOption(single("--question <text>", "question about the image, or - for a line of standard input"))
      .addOption(single("--top-k <k>", "answers to show (5 unless given)", wholeNumber(1))),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower answer --image photo.png --question 'how many foxes are there?' --top-k 3",
    )
    .action(async (options: AnswerOptions) => {
      const question = await readText(options.question, terminal.stdin);
      const { BridgeTower } = await import("../../inference/index.js");
      const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, ["answer"]));
      const answers = await model.answer(options.image, question, { topK: options.topK });
      terminal.show(options.json, { question, answers }, () => {
        const rows = answers.map(({ answer, probability }) => ({ name: answer, probability }));
        return probabilities(question, rows, terminal);
      });
    });
}
