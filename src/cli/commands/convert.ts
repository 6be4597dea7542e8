import type { Command } from "commander";
import type { WeightDType } from "../../checkpoint/index.js";
import type { Conversion } from "../../conversion/index.js";
import { addJsonOption, oneOf, single, exampleText } from "../options.js";
import { checkOutputFolder } from "../output-paths.js";
import { table, type Row } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface ConvertOptions {
  readonly config?: string;
  readonly tokenizer?: string;
  readonly dtype?: WeightDType;
  readonly json?: boolean;
}

const dtypes = ["float16", "bfloat16", "float32"] as const satisfies readonly WeightDType[];

export function convert(command: Command, terminal: Terminal): void {
  addJsonOption(
    command
      .argument(
        "<file>",
        "checkpoint of the authors' training code (.ckpt), or a file, folder or hub id of BridgeTower",
      )
      .argument("<out>", "folder for config.json, model.safetensors and preprocessor_config.json")
      .addOption(
        single(
          "--config <path>",
          "a config.json, or its folder; its fields replace those of the source and those read from the weights",
        ),
      )
      .addOption(
        single(
          "--tokenizer <folder or id>",
          "copy the tokenizer of this model (default: that of the source, if it is a folder)",
        ),
      )
      .addOption(
        single(
          "--dtype <name>",
          `type of all weights: ${dtypes.join(", ")} (default: the types of the source)`,
          oneOf<WeightDType>(dtypes),
        ),
      ),
  )
    .addHelpText(
      "after",
      exampleText(["convert pt_base.ckpt bridgetower-base/ --tokenizer BridgeTower/bridgetower-base"]),
    )
    .action(async (file: string, out: string, { config, tokenizer, dtype, json }: ConvertOptions) => {
      await checkOutputFolder(out, "<out>");
      const { convertCheckpoint } = await import("../../learner/index.js");
      const options = {
        config,
        tokenizer,
        dtype,
        onWarning: terminal.warn,
        onDownload: terminal.downloads(),
        signal: terminal.interrupts.signal,
      };
      const result = await terminal.interrupts.whileWriting(() => convertCheckpoint(file, out, options));
      await terminal.show(json, { out, ...result }, () => {
        const files = result.files.map((path) => `${escapeControlChars(path)}\n`).join("");
        return `${files}\n${table(rowsOf(result), { ...terminal.style, right: [1], indent: 2 })}`;
      });
    });
}

/** How the file's tensors were converted: a row for each kind of name, and for each unknown name. */
function rowsOf({ mapped, derived, dropped, surplus }: Conversion): Row[] {
  const rows = [
    ...mapped.map(({ from, to, tensors }) => ["mapped", `${tensors}`, from === to ? from : `${from} → ${to}`]),
    ...derived.map(({ name, how }) => ["derived", "1", `${name}: ${how}`]),
    ...dropped.map(({ from, tensors }) => ["dropped", `${tensors}`, from]),
    ...surplus.map((name) => ["surplus", "1", escapeControlChars(name.slice(0, 200))]),
  ];
  return rows.map((cells) => ({ cells }));
}
