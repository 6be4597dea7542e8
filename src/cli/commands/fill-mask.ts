import type { Command } from "commander";
import type { FilledMask } from "../../inference/index.js";
import { addCommonOptions, requireOptions, single, wholeNumber, taskOptions, type CommonOptions } from "../options.js";
import { bar, percent, table } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";
import { visible } from "../terminal/escape-control-chars.js";

interface FillMaskOptions extends CommonOptions {
  readonly image: string;
  readonly text: string;
  readonly topK?: number;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "text"]);
  addCommonOptions(
    command
      .addOption(single("--image <file>", "image"))
      .addOption(single("--text <text>", "text with <mask> for each missing word"))
      .addOption(single("--top-k <k>", "candidates for each mask (5 unless given)", wholeNumber(1))),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower fill-mask --image photo.png --text 'a <mask> left of a <mask>' --top-k 3",
    )
    .action(async (options: FillMaskOptions) => {
      const text = await readText(options.text, terminal.stdin);
      const { BridgeTower } = await import("../../inference/index.js");
      const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, ["fillMask"]));
      const filled = await model.fillMask(options.image, text, { topK: options.topK });
      terminal.show(options.json, filled, () => candidates(filled, terminal));
    });
}

function candidates({ sentence, masks }: FilledMask, terminal: Terminal): string {
  const lists = masks.map(({ predictions }, i) => {
    const rows = predictions.map(({ token, probability }, rank) => ({
      // In quotes, because a leading space tells a word from the end of one.
      cells: [percent(probability), bar(probability), `"${visible(token)}"`],
      strong: rank === 0,
    }));
    return `\nmask ${i + 1}\n${table(rows, { ...terminal.style, right: [0], indent: 2 })}`;
  });
  return `sentence: ${visible(sentence)}\n${lists.join("")}`;
}
