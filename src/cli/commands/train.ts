import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import type { Collective } from "../../distributed/index.js";
import { InputError } from "../../errors.js";
import type { LogLine, Results, TrainingInput, TrainResult } from "../../training/index.js";
import { addJsonOption, repeated, single, UsageError, exampleText } from "../options.js";
import { metricsTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface TrainOptions {
  readonly output?: string;
  readonly set?: readonly string[];
  readonly allowModules?: boolean;
  readonly json?: boolean;
}

/** The exit code of shells for a process ended by Ctrl-C. */
const interruptedCode = 130;

export function train(command: Command, terminal: Terminal): void {
  addJsonOption(
    command
      .argument("<config...>", "JSON files with settings; the runs are trained one after another")
      .addOption(single("--output <folder>", "folder of the run (default: output in the file)"))
      .addOption(repeated("--set <name=value>", "replace a setting, as in data.train=pairs; may be repeated"))
      .option(
        "--allow-modules",
        "import the JavaScript modules that settings name as data sets, which runs their code",
      ),
  )
    .addHelpText(
      "after",
      `
Ctrl-C stops the run after the current step. The same command resumes it from its last checkpoint. Finished runs are
skipped. To train with several processes, use mpirun or srun: mpirun -np 4 --bind-to none bridgetower train run.json

${exampleText([
  "train examples/train.json",
  "train run.json --set learning_rate=3e-5 --set max_epoch=2",
  "train towers.json then-all-heads.json",
]).slice(1)}`,
    )
    .action(async (files: readonly string[], options: TrainOptions) => {
      const runs = await settingsOf(files, options);
      const { joinCollective } = await import("../../distributed/index.js");
      const collective = await joinCollective();
      terminal.onFailure((message) => collective.abort(message));
      await terminal.interrupts.whileWriting(async () => {
        const results: TrainResult[] = [];
        for (const input of runs) {
          const result = await run(input, collective, terminal);
          results.push(result);
          if (result.interrupted) break;
        }
        await collective.close();
        // Another rank may have received the signal. If this one did, the process ends after its files are written.
        if (results.some(({ interrupted }) => interrupted)) process.exitCode = interruptedCode;
        const [only, ...others] = results;
        if (collective.rank === 0) {
          await terminal.show(options.json, others.length === 0 ? only! : results, () =>
            results.map((result) => summary(result, terminal)).join("\n"),
          );
        }
      });
    });
}

interface Run {
  readonly input: TrainingInput;
  /** The folder that module paths are relative to, if modules are allowed. */
  readonly modulesFrom?: string;
}

/** Reads and checks the settings of all runs, before the first one starts. */
async function settingsOf(
  files: readonly string[],
  { output, set = [], allowModules = false }: TrainOptions,
): Promise<Run[]> {
  if (output !== undefined && files.length > 1) {
    const expected = "one file with settings, because every run needs its own folder";
    throw new UsageError({ where: "--output", expected, found: String(files.length) });
  }
  const { assign, trainingSettings } = await import("../../training/index.js");
  const runs: Run[] = [];
  for (const file of files) {
    const given = await settingsIn(file);
    if (output !== undefined) given.output = output;
    // The fields of a preset are known before some of them are changed.
    const isRecipe = (assignment: string) => assignment.startsWith("recipe=");
    for (const assignment of set.filter(isRecipe)) assign(given, assignment);
    for (const assignment of set.filter((one) => !isRecipe(one))) assign(given, assignment);
    trainingSettings(given, file, { allowModules });
    runs.push({ input: given as unknown as TrainingInput, modulesFrom: allowModules ? dirname(file) : undefined });
  }
  return runs;
}

async function run({ input, ...modules }: Run, collective: Collective, terminal: Terminal): Promise<TrainResult> {
  const { progressText, train: trainRun } = await import("../../training/index.js");
  const { progress } = terminal;
  const validation = { rows: progress.startAtFirstReport("rows"), pairs: progress.startAtFirstReport("pairs") };
  return trainRun(input, {
    ...modules,
    collective,
    signal: terminal.interrupts.signal,
    onDownload: terminal.downloads(),
    ...(collective.rank === 0
      ? {
          onWarning: (message) => terminal.log(`bridgetower: warning: ${message}`),
          onStep: (event) => progress.show(() => progressText(event)),
          onLog: (line) => terminal.isInteractive || terminal.log(lineText(line)),
          onValidation: (results, step) => terminal.log(`step ${step}: ${lineText(mainResults(results))}`),
          onValidationProgress: (stage, done, total) => validation[stage](done, total),
        }
      : {}),
  });
}

async function settingsIn(file: string): Promise<Record<string, unknown>> {
  const expected = "a JSON file with the settings of a run";
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const found = cause.code === "ENOENT" ? "no such file" : cause.code === "EISDIR" ? "a folder" : String(cause.code);
    throw new InputError(
      { code: InputError.fileCode(cause.code), where: file, expected, found, hint: "Check the path" },
      { cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : "something else";
    throw new InputError({ code: "invalid-json", where: file, expected, found }, { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new InputError({ code: "invalid-json", where: file, expected, found: "JSON of another kind" });
}

/** Losses, shares and mean recalls; the log has the rest. */
const mainResults = (results: Results): Results =>
  Object.fromEntries(Object.entries(results).filter(([name]) => /_(loss|accuracy|score|mean)$/.test(name)));

const lineText = (line: LogLine | Results): string =>
  Object.entries(line)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join("  ");

function summary({ output, steps, maxSteps, interrupted, bestCheckpoint, results }: TrainResult, terminal: Terminal) {
  const state = interrupted
    ? `stopped after ${steps} of ${maxSteps} steps; the same command resumes`
    : `${steps} steps done; the model is in ${escapeControlChars(output)}`;
  const best = bestCheckpoint === undefined ? "" : `best checkpoint ${escapeControlChars(bestCheckpoint)}\n`;
  return `${state}\n${best}${metricsTable(results, { ...terminal.style, indent: 2 })}`;
}
