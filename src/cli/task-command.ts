/** A command that answers with one task of `BridgeTower`: opens the model, calls it, prints what it returns. */
import type { Command, Option } from "commander";
import type { BridgeTower, Task } from "../inference/index.js";
import { addInferenceOptions, loadOptions, requireOptions, type InferenceOptions } from "./options.js";
import type { Terminal } from "./terminal/terminal.js";

export interface TaskCommand<Options> {
  readonly options: readonly Option[];
  /** Names of the options that must be given. */
  readonly required: readonly string[];
  /** Command lines for `--help`. */
  readonly examples: readonly string[];
  /**
   * Reads the inputs, then opens the model and calls it.
   * @param open opens the model that the user names, and compiles what `tasks` need
   */
  readonly run: (
    options: Options,
    terminal: Terminal,
    open: (...tasks: readonly Task[]) => Promise<BridgeTower>,
  ) => Promise<Answer>;
}

export interface Answer {
  /** For `--json`. */
  readonly document: unknown;
  readonly text: () => string;
}

/** Makes the function that configures the command. */
export function taskCommand<Options>({ options, required, examples, run }: TaskCommand<Options>) {
  return (command: Command, terminal: Terminal): void => {
    if (required.length > 0) requireOptions(command, required);
    for (const option of options) command.addOption(option);
    addInferenceOptions(command)
      .addHelpText("after", exampleText(examples))
      .action(async (given: InferenceOptions & Options) => {
        const { document, text } = await run(given, terminal, async (...prepare) => {
          const { BridgeTower } = await import("../inference/index.js");
          return BridgeTower.fromPretrained(given.model, {
            ...loadOptions(given, terminal),
            prepare,
            onPhotograph: (image) => {
              // Always a path: images come from the command line.
              if (typeof image === "string") terminal.warnOutOfDomain(image);
            },
          });
        });
        terminal.show(given.json, document, text);
      });
  };
}

/** The examples below the options of a command's `--help`. */
export function exampleText(examples: readonly string[]): string {
  const heading = examples.length > 1 ? "Examples" : "Example";
  return `\n${heading}:${examples.map((example) => `\n  $ bridgetower ${example}`).join("")}`;
}
