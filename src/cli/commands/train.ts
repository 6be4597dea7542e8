import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { Collective } from "../../distributed/index.js";
import { InputError } from "../../errors.js";
import type { LogLine, Results, TrainingInput, TrainResult } from "../../training/index.js";
import { repeated, single } from "../options.js";
import { resultsTable } from "../terminal/metrics-table.js";
import type { Terminal } from "../terminal/terminal.js";
import { UsageError } from "../usage-error.js";
import { visible } from "../terminal/escape-control-chars.js";

interface TrainOptions {
  readonly output?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

export function configure(command: Command, terminal: Terminal): void {
  command
    .argument("<config...>", "JSON files with the settings of runs, one run after another")
    .addOption(single("--output <folder>", "folder of the run, in place of the one in the file"))
    .addOption(repeated("--set <name=value>", "another value for a setting, as in data.train=pairs; may be repeated"))
    .option("--json", "print one JSON document instead of a table")
    .addHelpText(
      "after",
      `
A run that was ended goes on with the same command, from its last checkpoint; of several, those that are done are passed
over. Ctrl-C ends the run after the step under way.
Several processes train together: mpirun -np 4 bridgetower train run.json, or any launcher that sets RANK, WORLD_SIZE,
MASTER_ADDR and MASTER_PORT.

Examples:
  $ bridgetower train examples/train-pairs.json
  $ bridgetower train run.json --set learning_rate=3e-5 --set max_epoch=2
  $ bridgetower train towers.json then-all-heads.json`,
    )
    .action(async (files: readonly string[], options: TrainOptions) => {
      const runs = await settingsOf(files, options);
      const { joinCollective } = await import("../../distributed/index.js");
      const collective = await joinCollective();
      terminal.afterFailure((message) => collective.abort(message));
      const leads = collective.rank === 0;
      await terminal.interrupts.whileWriting(async () => {
        const results: TrainResult[] = [];
        for (const input of runs) {
          const result = await run(input, collective, terminal);
          results.push(result);
          if (result.interrupted) break;
        }
        await collective.close();
        const [only, ...others] = results;
        if (leads) {
          terminal.show(options.json, others.length === 0 ? only! : results, () =>
            results.map((result) => summary(result, terminal)).join("\n"),
          );
        }
      });
    });
}

/** All of them checked, before the first run begins. */
async function settingsOf(files: readonly string[], { output, set = [] }: TrainOptions): Promise<TrainingInput[]> {
  if (output !== undefined && files.length > 1) {
    const expected = "one file with settings, as every run has a folder of its own";
    throw new UsageError({ code: "invalid-usage", where: "--output", expected, found: String(files.length) });
  }
  const { assign, trainingSettings } = await import("../../training/index.js");
  const runs: TrainingInput[] = [];
  for (const file of files) {
    const given = await settingsIn(file);
    if (output !== undefined) given.output = output;
    for (const assignment of set) assign(given, assignment);
    trainingSettings(given, file);
    runs.push(given as unknown as TrainingInput);
  }
  return runs;
}

async function run(input: TrainingInput, collective: Collective, terminal: Terminal): Promise<TrainResult> {
  const { progressText, train } = await import("../../training/index.js");
  const judging = { rows: terminal.progress.start("rows"), pairs: terminal.progress.start("pairs") };
  return train(input, {
    collective,
    signal: terminal.interrupts.signal,
    progressCallback: terminal.downloads(),
    ...(collective.rank === 0
      ? {
          onWarning: (message) => terminal.tell(`bridgetower: warning: ${message}`),
          onStep: (event) => terminal.progress.show(() => progressText(event)),
          onLog: (line) => terminal.isWatched || terminal.tell(lineText(line)),
          onValidation: (results, step) => terminal.tell(`step ${step}: ${lineText(summed(results))}`),
          onValidationProgress: (stage, done, total) => judging[stage](done, total),
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

/** Losses, shares and mean recalls; parts and counts are in the log. */
const summed = (results: Results): Results =>
  Object.fromEntries(Object.entries(results).filter(([name]) => /_(loss|accuracy|score|mean)$/.test(name)));

const lineText = (line: LogLine | Results): string =>
  Object.entries(line)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join("  ");

function summary({ output, steps, maxSteps, interrupted, bestCheckpoint, results }: TrainResult, terminal: Terminal) {
  const state = interrupted
    ? `stopped after ${steps} of ${maxSteps} steps; the same command goes on`
    : `${steps} steps done; the model is in ${visible(output)}`;
  const best = bestCheckpoint === undefined ? "" : `best checkpoint ${visible(bestCheckpoint)}\n`;
  return `${state}\n${best}${resultsTable(results, { ...terminal.style, indent: 2 })}`;
}
