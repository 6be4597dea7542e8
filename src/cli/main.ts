/**
 * The command `bridgetower`: reads the command line, runs one command, prints errors, sets the exit code.
 * Loads only the module of the command that is run, because start-up time counts for a tool that is called in loops.
 */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { InputError, nearestHint } from "../errors.js";
import { commands } from "./command-list.js";
import { UsageError } from "./options.js";
import { Terminal } from "./terminal/terminal.js";
import { escapeControlChars } from "./terminal/text.js";

const commandNames = () => commands.map(({ name }) => name).join(", ");

async function run(args: readonly string[], terminal: Terminal): Promise<void> {
  checkEncoding(args);
  checkHelp(args);
  if (args.length === 0) {
    throw new UsageError({
      where: "command line",
      expected: `a command: ${commandNames()}`,
      found: "none",
      hint: "See bridgetower --help",
    });
  }
  const program = new Command("bridgetower")
    .description("BridgeTower, a vision-language model: match images with texts, predict masked words, embed.")
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .hook("preAction", (_, command) => checkValues(command, args));
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary);
    // `help match` names its command second.
    if (args.slice(0, 2).includes(name)) (await load())(command, terminal);
  }
  await program.parseAsync(args, { from: "user" });
}

/** Node replaces bytes that are not UTF-8 by U+FFFD: the text would not be the one that the user typed. */
function checkEncoding(args: readonly string[]): void {
  const found = args.find((arg) => arg.includes("\ufffd"));
  if (found === undefined || isWrittenInUtf8()) return;
  const hint = "Convert them, or give texts as lines of standard input (--text -)";
  throw new UsageError({
    where: "command line",
    expected: "arguments in UTF-8",
    found: JSON.stringify(found),
    hint,
  });
}

/** Linux gives the bytes of the command line, which may contain U+FFFD itself; other systems do not. */
function isWrittenInUtf8(): boolean {
  try {
    return isUtf8(readFileSync("/proc/self/cmdline"));
  } catch {
    return false;
  }
}

/** For `help` of an unknown command, commander prints the general help and an error without a message. */
function checkHelp([help, name]: readonly string[]): void {
  if (help !== "help" || name === undefined || commands.some((command) => command.name === name)) return;
  throw new UsageError({
    where: "help",
    expected: `a command: ${commandNames()}`,
    found: JSON.stringify(name),
    hint: nearestHint(
      name,
      commands.map((command) => command.name),
    ),
  });
}

/** A flag in the place of a value means that the value was forgotten. `--text=--json` is a value. */
function checkValues(command: Command, args: readonly string[]): void {
  const end = args.indexOf("--");
  for (const [i, arg] of args.slice(0, end === -1 ? args.length : end).entries()) {
    const option = command.options.find(({ long }) => long === arg);
    const flag = command.options.find(({ long }) => long === args[i + 1])?.long;
    if (option?.required !== true || typeof flag !== "string") continue;
    throw new UsageError({ where: arg, expected: "a value", found: `the flag ${flag}` });
  }
}

function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

const success = 0;
const badInput = 1;
const badUsage = 2;

/** The exit code for an error, and the line to print. */
function outcome(error: unknown): { readonly code: number; readonly line?: string } {
  if (error instanceof InputError) {
    return { code: error instanceof UsageError ? badUsage : badInput, line: error.message };
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { code: success };
    const hint =
      error.code === "commander.excessArguments"
        ? "Repeat the flag before each value, and quote texts."
        : "See bridgetower --help, or bridgetower <command> --help.";
    return { code: badUsage, line: `${error.message.replace(/^error: /, "").replaceAll("\n", " ")}. ${hint}` };
  }
  const message = error instanceof Error ? error.message : String(error);
  const line = `internal error: ${message}. This is a bug: please report it, with the stack that DEBUG=bridgetower prints`;
  return { code: badInput, line };
}

function fail(error: unknown, terminal: Terminal): void {
  const { code, line } = outcome(error);
  process.exitCode = code;
  if (line === undefined) return;
  terminal.progress.clear();
  process.stderr.write(`bridgetower: ${escapeControlChars(line)}\n`);
  if (process.env.DEBUG === "bridgetower" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

const terminal = new Terminal(process);
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader has closed the pipe, as `head` does.
  if (error.code === "EPIPE") process.exit(success);
  const found = `an error when writing (${error.code})`;
  fail(
    new InputError(
      {
        code: InputError.fileCode(error.code, "file-not-writable"),
        where: "standard output",
        expected: "a stream that can be written",
        found,
      },
      { cause: error },
    ),
    terminal,
  );
});
process.on("uncaughtException", (error) => {
  fail(error, terminal);
  process.exit();
});
await run(process.argv.slice(2), terminal).catch(async (error: unknown) => {
  fail(error, terminal);
  await terminal.failed(outcome(error).line ?? "");
});
