import type { Command } from "commander";
import { addModelOptions, loadOptions, requireOptions, single, type ModelOptions, exampleText } from "../options.js";
import { table } from "../terminal/table.js";
import { checkOutputFolder } from "../output-paths.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface ExportOptions extends ModelOptions {
  readonly out: string;
}

export function exportModel(command: Command, terminal: Terminal): void {
  requireOptions(command, ["out"]);
  addModelOptions(command.addOption(single("--out <folder>", "folder for the ONNX files")))
    .addHelpText("after", exampleText(["export --model BridgeTower/bridgetower-base --out onnx/"]))
    .action(async ({ out, json, model, ...options }: ExportOptions) => {
      await checkOutputFolder(out);
      const { defaultModel, exportOnnx } = await import("../../inference/index.js");
      const report = terminal.progress.start("files");
      const onProgress = (done: number, total: number) => {
        terminal.interrupts.signal.throwIfAborted();
        report(done, total);
      };
      const load = { ...loadOptions(options, terminal), onProgress };
      const files = await terminal.interrupts.whileWriting(() => exportOnnx(model ?? defaultModel, out, load));
      await terminal.show(json, { files }, () => {
        const blocks = files.map(({ file, bytes, inputs, outputs }) => {
          const heading = `${escapeControlChars(file)}  ${bytes} bytes\n`;
          if (outputs.length === 0) return heading;
          const rows = [{ cells: ["inputs", inputs.join(", ")] }, { cells: ["outputs", outputs.join(", ")] }];
          return heading + table(rows, { ...terminal.style, indent: 2 });
        });
        return blocks.join("\n");
      });
    });
}
