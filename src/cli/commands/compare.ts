import type { Command } from "commander";
import { addCommonOptions, requireOptions, repeated, single, taskOptions, type CommonOptions } from "../options.js";
import { probabilities } from "../terminal/probabilities.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";
import { UsageError } from "../usage-error.js";

interface CompareOptions extends CommonOptions {
  readonly image: readonly string[];
  readonly statement: string;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["image", "statement"]);
  addCommonOptions(
    command
      .addOption(repeated("--image <file>", "image; given twice, the left one first"))
      .addOption(single("--statement <text>", "statement about both, or - for a line of standard input")),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower compare --model nlvr2/ --image left.png --image right.png --statement 'both show a fox'",
    )
    .action(async (options: CompareOptions) => {
      const [first, second] = twoImages(options.image);
      const statement = await readText(options.statement, terminal.stdin);
      const { BridgeTower } = await import("../../inference/index.js");
      const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, ["compare"]));
      const probability = await model.compare(first, second, statement);
      terminal.show(options.json, { statement, probability }, () =>
        probabilities(statement, [{ name: "true", probability }], terminal),
      );
    });
}

function twoImages(images: readonly string[]): readonly [string, string] {
  const [first, second, ...more] = images;
  if (first !== undefined && second !== undefined && more.length === 0) return [first, second];
  throw new UsageError({
    code: "invalid-usage",
    where: "--image",
    expected: "two images to compare",
    found: String(images.length),
    hint: "Give --image twice",
  });
}
