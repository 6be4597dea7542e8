/** Options of the command line: parsed and checked here, given a meaning by the tasks. */
import { Option, type Command } from "commander";
import { devices, type Device } from "../runtime/index.js";
import type { BridgeTowerOptions, LoadOptions, Task } from "../inference/index.js";
import type { Terminal } from "./terminal/terminal.js";
import { UsageError } from "./usage-error.js";

export interface CommonOptions {
  readonly model?: string;
  readonly device?: Device;
  readonly threads?: number;
  readonly revision?: string;
  readonly json?: boolean;
}

/** The options that every command takes. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(single("--model <folder or id>", "checkpoint: a folder or a hub id (the packaged model unless given)"))
    .addOption(single("--revision <name>", "branch, tag or commit of a hub id (main unless given)"))
    .addOption(single(`--device <name>`, `${devices.join(", ")} (cpu unless given)`, oneOf(devices)))
    .addOption(single("--threads <n>", "threads of one operator (as many as cores unless given)", wholeNumber(1, 1024)))
    .addOption(single("--dtype <name>", "precision of the computation: fp32", oneOf(["fp32"])))
    .option("--json", "print one JSON document instead of a table");
}

/** What commands that answer need of the common options. */
export function taskOptions(options: CommonOptions, terminal: Terminal, prepare: readonly Task[]): BridgeTowerOptions {
  const onPhotograph: BridgeTowerOptions["onPhotograph"] = (image) => {
    // Always: images come from the command line.
    if (typeof image === "string") terminal.seePhotograph(image);
  };
  return { ...loadOptions(options, terminal), prepare, onPhotograph };
}

/** What the tasks need of the common options. */
export function loadOptions({ device, threads, revision }: CommonOptions, terminal: Terminal): LoadOptions {
  return { device, threads, revision, onWarning: terminal.warn, progressCallback: terminal.downloads() };
}

type Parse<T> = (value: string, flag: string) => T;

/** An option with one value. Given twice it is an error: one of the values would be dropped silently. */
export function single<T = string>(flags: string, description: string, parse?: Parse<T>): Option {
  const option = new Option(flags, description);
  return option.argParser((value: string, previous: T | string | undefined) => {
    const flag = option.long!;
    if (previous !== undefined) {
      throw new UsageError({
        code: "invalid-usage",
        where: flag,
        expected: "a single value",
        found: "the flag twice",
        hint: "Give it once",
      });
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
    const expected = names.map((name) => `--${name}`).join(" and ");
    const hint = `See bridgetower ${command.name()} --help`;
    throw new UsageError({
      code: "invalid-usage",
      where: command.name(),
      expected,
      found: `no ${missing.join(", no ")}`,
      hint,
    });
  });
}

export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER): Parse<number> =>
  (value, flag) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
    throw new UsageError({
      code: "invalid-usage",
      where: flag,
      expected: `a whole number, ${range}`,
      found: JSON.stringify(value),
    });
  };

export const oneOf =
  <T extends string>(choices: readonly T[]): Parse<T> =>
  (value, flag) => {
    const choice = choices.find((one) => one === value);
    if (choice !== undefined) return choice;
    const expected = choices.length === 1 ? choices[0]! : `one of ${choices.join(", ")}`;
    throw new UsageError({ code: "invalid-usage", where: flag, expected, found: JSON.stringify(value) });
  };
