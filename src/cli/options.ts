/** Options that several commands share: parsed and checked here; defaults belong to the functions that are called. */
import { Option, type Command } from "commander";
import { InputError, nearestHint, type InputProblem } from "../errors.js";
import type { LoadOptions } from "../inference/index.js";
import { devices, type Device } from "../runtime/index.js";
import type { Terminal } from "./terminal/terminal.js";

/** A command line that cannot be understood, as opposed to a file or text that cannot be used: exit code 2 instead of 1. */
export class UsageError extends InputError {
  constructor(problem: Omit<InputProblem, "code">) {
    super({ code: "invalid-usage", ...problem });
  }
}

/** Options of every command that opens a model. */
export interface ModelOptions {
  readonly model?: string;
  readonly revision?: string;
  readonly json?: boolean;
}

/** Options of every command that runs a model. */
export interface InferenceOptions extends ModelOptions {
  readonly device?: Device;
  readonly threads?: number;
}

export function addModelOptions(command: Command): Command {
  return addJsonOption(addModel(command));
}

export function addInferenceOptions(command: Command): Command {
  addModel(command)
    .addOption(single(`--device <name>`, `${devices.join(", ")} (default: cpu)`, oneOf(devices)))
    .addOption(single("--threads <n>", "threads of one operator (default: all cores)", wholeNumber(1, 1024)));
  return addJsonOption(command);
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "print one JSON document instead of a table");
}

function addModel(command: Command): Command {
  return command
    .addOption(single("--model <folder or id>", "checkpoint: a folder or a hub id (default: the packaged model)"))
    .addOption(single("--revision <name>", "branch, tag or commit of a hub id (default: main)"));
}

/** What `fromPretrained` and its like take of these options. */
export function loadOptions({ device, threads, revision }: InferenceOptions, terminal: Terminal): LoadOptions {
  return { device, threads, revision, onWarning: terminal.warn, onDownload: terminal.downloads() };
}

type Parse<T> = (value: string, flag: string) => T;

/** An option with one value. Given twice, it is an error: one of the values would be dropped silently. */
export function single<T = string>(flags: string, description: string, parse?: Parse<T>): Option {
  const option = new Option(flags, description);
  return option.argParser((value: string, previous: T | string | undefined) => {
    const flag = option.long!;
    if (previous !== undefined) {
      throw new UsageError({ where: flag, expected: "a single value", found: "the flag twice", hint: "Give it once" });
    }
    return parse === undefined ? value : parse(value, flag);
  });
}

/** An option that may be given many times; values in the order of the command line. */
export function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, previous: readonly string[] = []) => [
    ...previous,
    value,
  ]);
}

/** Makes a command refuse to start without some of its options; commander's own check would hide a mistyped flag. */
export function requireOptions(command: Command, names: readonly string[]): Command {
  return command.hook("preAction", () => {
    const missing = names.filter((name) => command.getOptionValue(name) === undefined).map((name) => `--${name}`);
    if (missing.length === 0) return;
    throw new UsageError({
      where: command.name(),
      expected: names.map((name) => `--${name}`).join(" and "),
      found: `no ${missing.join(", no ")}`,
      hint: `See bridgetower ${command.name()} --help`,
    });
  });
}

export const wholeNumber =
  (min: number, max = Number.MAX_SAFE_INTEGER): Parse<number> =>
  (value, flag) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
    throw new UsageError({ where: flag, expected: `a whole number, ${range}`, found: JSON.stringify(value) });
  };

export const oneOf =
  <T extends string>(choices: readonly T[]): Parse<T> =>
  (value, flag) => {
    const choice = choices.find((one) => one === value);
    if (choice !== undefined) return choice;
    throw new UsageError({
      where: flag,
      expected: `one of ${choices.join(", ")}`,
      found: JSON.stringify(value),
      hint: nearestHint(value, choices),
    });
  };

/** The examples below the options of a command's `--help`. */
export function exampleText(examples: readonly string[]): string {
  const heading = examples.length > 1 ? "Examples" : "Example";
  return `\n${heading}:${examples.map((example) => `\n  $ bridgetower ${example}`).join("")}`;
}
