import type { Command } from "commander";
import { addCommonOptions, loadOptions, requireOptions, single, type CommonOptions } from "../options.js";
import { checkOutputFile, writeTensors } from "../terminal/output.js";
import type { Terminal } from "../terminal/terminal.js";
import { readText } from "../texts.js";
import { UsageError } from "../usage-error.js";

interface PreprocessOptions extends CommonOptions {
  readonly image?: string;
  readonly text?: string;
  readonly out: string;
}

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["out"]);
  addCommonOptions(
    command
      .addOption(single("--image <file>", "image"))
      .addOption(single("--text <text>", "text"))
      .addOption(single("--out <file>", "safetensors file to write")),
  )
    .addHelpText(
      "after",
      "\nExample:\n  $ bridgetower preprocess --image photo.png --text 'a fox left of a moose' --out batch.safetensors",
    )
    .action(async ({ image, out, json, ...options }: PreprocessOptions) => {
      if (image === undefined && options.text === undefined) {
        throw new UsageError({
          code: "invalid-usage",
          where: "preprocess",
          expected: "an image or a text",
          found: "neither",
          hint: "Give --image or --text",
        });
      }
      await checkOutputFile(out);
      const text = options.text === undefined ? undefined : await readText(options.text, terminal.stdin);
      const { BridgeTowerProcessor, defaultModel } = await import("../../inference/index.js");
      const processor = await BridgeTowerProcessor.fromPretrained(
        options.model ?? defaultModel,
        loadOptions(options, terminal),
      );
      const batch = await processor.process(image, text, { truncation: true });
      await writeTensors(out, new Map(Object.entries(batch)), json, terminal);
    });
}
