import type { Conversion } from "../../conversion/index.js";
import type { Command } from "commander";
import type { WeightDType } from "../../checkpoint/index.js";

import { oneOf, single } from "../options.js";
import { checkOutputFolder } from "../terminal/output.js";
import { table, type Row } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { visible } from "../terminal/escape-control-chars.js";

interface ConvertOptions {
  readonly config?: string;
  readonly tokenizer?: string;
  readonly dtype?: WeightDType;
  readonly json?: boolean;
}

const dtypes = ["float16", "bfloat16", "float32"] as const satisfies readonly WeightDType[];

export function configure(command: Command, terminal: Terminal): void {
  command
    .argument("<file>", "checkpoint of the authors' training code (.ckpt), or a file, folder or hub id of BridgeTower")
    .argument("<out>", "folder for config.json, model.safetensors and preprocessor_config.json")
    .addOption(
      single(
        "--config <path>",
        "a config.json, or its folder, whose fields go before the source's own and those found in the weights",
      ),
    )
    .addOption(
      single(
        "--tokenizer <folder or id>",
        "copy the tokenizer of this model (default: of the source, if it is a folder)",
      ),
    )
    .addOption(
      single(
        "--dtype <name>",
        `type of all weights: ${dtypes.join(", ")} (unless given, each as the source has it)`,
        oneOf<WeightDType>(dtypes),
      ),
    )
    .option("--json", "print one JSON document instead of a table")
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower convert pt_base.ckpt bridgetower-base/ --tokenizer BridgeTower/bridgetower-base",
    )
    .action(async (file: string, out: string, { config, tokenizer, dtype, json }: ConvertOptions) => {
      await checkOutputFolder(out, "<out>");
      const { convertCheckpoint } = await import("../../learner/index.js");
      const options = { config, tokenizer, dtype, progressCallback: terminal.downloads() };
      const result = await terminal.interrupts.whileWriting(() => convertCheckpoint(file, out, options));
      terminal.show(json, { out, ...result }, () => {
        const files = result.files.map((path) => `${visible(path)}\n`).join("");
        return `${files}\n${table(rowsOf(result), { ...terminal.style, right: [1], indent: 2 })}`;
      });
    });
}

/** What became of the file's tensors: one row for each kind of name, and for each name that nothing is known of. */
function rowsOf({ mapped, derived, dropped, surplus }: Conversion): Row[] {
  const rows = [
    ...mapped.map(({ from, to, tensors }) => ["mapped", `${tensors}`, from === to ? from : `${from} → ${to}`]),
    ...derived.map(({ name, how }) => ["derived", "1", `${name}: ${how}`]),
    ...dropped.map(({ from, tensors }) => ["dropped", `${tensors}`, from]),
    ...surplus.map((name) => ["surplus", "1", visible(name.slice(0, 200))]),
  ];
  return rows.map((cells) => ({ cells }));
}
