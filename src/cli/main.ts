/**
 * The command `bridgetower`: reads the command line, runs one command, words errors, sets the exit code.
 * Loads only the module of the command that is run, because start-up counts for a tool that is called in loops.
 */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { InputError } from "../errors.js";
import { Terminal } from "./terminal/terminal.js";
import { UsageError } from "./usage-error.js";
import { visible } from "./terminal/escape-control-chars.js";

interface CommandModule {
  readonly configure: (command: Command, terminal: Terminal) => void;
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

const commands: readonly CommandEntry[] = [
  { name: "match", summary: "score images against texts", load: () => import("./commands/match.js") },
  { name: "fill-mask", summary: "find the words behind <mask>", load: () => import("./commands/fill-mask.js") },
  { name: "embed", summary: "embed images, texts and pairs", load: () => import("./commands/embed.js") },
  { name: "answer", summary: "answer a question about an image", load: () => import("./commands/answer.js") },
  { name: "entail", summary: "tell whether an image bears out a text", load: () => import("./commands/entail.js") },
  { name: "compare", summary: "hold a statement against two images", load: () => import("./commands/compare.js") },
  { name: "encode", summary: "write the model's features to a file", load: () => import("./commands/encode.js") },
  { name: "preprocess", summary: "write the model's inputs to a file", load: () => import("./commands/preprocess.js") },
  { name: "export", summary: "write the model as ONNX files", load: () => import("./commands/export.js") },
  {
    name: "convert",
    summary: "bring a training checkpoint into Hugging Face layout",
    load: () => import("./commands/convert.js"),
  },
  { name: "prepare", summary: "make tables of a published data set", load: () => import("./commands/prepare.js") },
  { name: "train", summary: "train a model, or go on with a run", load: () => import("./commands/train.js") },
  { name: "evaluate", summary: "measure a model on a data set", load: () => import("./commands/evaluate.js") },
];

const commandNames = () => commands.map(({ name }) => name).join(", ");

async function run(args: readonly string[], terminal: Terminal): Promise<void> {
  checkEncoding(args);
  checkHelp(args);
  if (args.length === 0) {
    throw new UsageError({
      code: "invalid-usage",
      where: "command line",
      expected: `a command: ${commandNames()}`,
      found: "none",
      hint: "See bridgetower --help",
    });
  }
  const program = new Command("bridgetower")
    .description("BridgeTower, a vision-language model: match images with texts, fill masks, embed.")
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .hook("preAction", (_, command) => checkValues(command));
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary);
    // `help match` names its command second.
    if (args.slice(0, 2).includes(name)) (await load()).configure(command, terminal);
  }
  await program.parseAsync(args, { from: "user" });
}

/** Node puts U+FFFD in the place of bytes that are not UTF-8: the text would not be the one that was meant. */
function checkEncoding(args: readonly string[]): void {
  const found = args.find((arg) => arg.includes("\ufffd"));
  if (found === undefined || isWrittenInUtf8()) return;
  const hint = "Convert them, or give texts as lines of standard input (--text -)";
  throw new UsageError({
    code: "invalid-usage",
    where: "command line",
    expected: "arguments in UTF-8",
    found: JSON.stringify(found),
    hint,
  });
}

/** Linux tells the bytes of the command line, which may hold U+FFFD itself; elsewhere nothing does. */
function isWrittenInUtf8(): boolean {
  try {
    return isUtf8(readFileSync("/proc/self/cmdline"));
  } catch {
    return false;
  }
}

/** Commander answers `help` of an unknown command with the general help and an error without words. */
function checkHelp([help, name]: readonly string[]): void {
  if (help !== "help" || name === undefined || commands.some((command) => command.name === name)) return;
  throw new UsageError({
    code: "invalid-usage",
    where: "help",
    expected: `a command: ${commandNames()}`,
    found: JSON.stringify(name),
  });
}

/** A flag where a value should be means that the value was forgotten. */
function checkValues(command: Command): void {
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    const flag = command.options.find(({ long }) => [value].flat().includes(long))?.long;
    if (typeof flag !== "string") continue;
    throw new UsageError({
      code: "invalid-usage",
      where: option.long!,
      expected: "a value",
      found: `the flag ${flag}`,
    });
  }
}

function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

const success = 0;
const badInput = 1;
const badUsage = 2;

function outcome(error: unknown): { readonly code: number; readonly line?: string } {
  if (error instanceof InputError)
    return { code: error instanceof UsageError ? badUsage : badInput, line: error.message };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { code: success };
    const hint =
      error.code === "commander.excessArguments"
        ? "Repeat the flag before each value, and quote texts."
        : "See bridgetower --help, or bridgetower <command> --help.";
    return { code: badUsage, line: `${error.message.replace(/^error: /, "").replaceAll("\n", " ")}. ${hint}` };
  }
  const message = error instanceof Error ? error.message : String(error);
  const line = `internal error: ${message}. This is a bug: please report it, with what DEBUG=bridgetower adds to this line`;
  return { code: badInput, line };
}

function fail(error: unknown, terminal: Terminal): void {
  const { code, line } = outcome(error);
  process.exitCode = code;
  if (line === undefined) return;
  terminal.progress.clear();
  process.stderr.write(`bridgetower: ${visible(line)}\n`);
  if (process.env.DEBUG === "bridgetower" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

const terminal = new Terminal(process);
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader has seen enough, as `head` does.
  if (error.code === "EPIPE") process.exit(success);
  const found = `an error when writing (${error.code})`;
  fail(
    new InputError(
      {
        code: InputError.fileCode(error.code, "file-not-writable"),
        where: "standard output",
        expected: "room for the answer",
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
