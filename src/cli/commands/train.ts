import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { InputError } from "../../errors.js";
import type { LogLine, Results, TrainResult } from "../../trainer/index.js";
import { repeated, single } from "../options.js";
import { resultsTable } from "../results-table.js";
import type { Terminal } from "../terminal.js";
import { visible } from "../visible.js";

interface TrainOptions {
  readonly output?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

export function configure(command: Command, terminal: Terminal): void {
  command
    .argument("<config>", "JSON file with the settings of the run")
    .addOption(single("--output <folder>", "folder of the run, in place of the one in the file"))
    .addOption(repeated("--set <name=value>", "another value for a setting, as in data.train=pairs; may be repeated"))
    .option("--json", "print one JSON document instead of a table")
    .addHelpText(
      "after",
      `
A run that was ended goes on with the same command, from its last checkpoint. Ctrl-C ends it after the step under way.
Several processes train together: mpirun -np 4 bridgetower train run.json, or any launcher that sets RANK, WORLD_SIZE,
MASTER_ADDR and MASTER_PORT.

Examples:
  $ bridgetower train examples/train-pairs.json
  $ bridgetower train run.json --set learning_rate=3e-5 --set max_epoch=2`,
    )
    .action(async (file: string, { output, set = [], json }: TrainOptions) => {
      const { assign, progressText, train, trainingSettings } = await import("../../trainer/index.js");
      const given = await settingsIn(file);
      if (output !== undefined) given.output = output;
      for (const assignment of set) assign(given, assignment);
      trainingSettings(given, file);
      const { joinCollective } = await import("../../distributed/index.js");
      const collective = await joinCollective();
      terminal.afterFailure((message) => collective.abort(message));
      const leads = collective.rank === 0;
      await terminal.interrupts.whileWriting(async () => {
        const judging = { rows: terminal.progress.start("rows"), pairs: terminal.progress.start("pairs") };
        const result = await train(given as unknown as Parameters<typeof train>[0], {
          collective,
          signal: terminal.interrupts.signal,
          progressCallback: terminal.downloads(),
          ...(leads
            ? {
                onWarning: (message) => terminal.tell(`bridgetower: warning: ${message}`),
                onStep: (event) => terminal.progress.show(() => progressText(event)),
                onLog: (line) => terminal.isWatched || terminal.tell(lineText(line)),
                onValidation: (results, step) => terminal.tell(`step ${step}: ${lineText(summed(results))}`),
                onValidationProgress: (stage, done, total) => judging[stage](done, total),
              }
            : {}),
        });
        await collective.close();
        if (leads) terminal.show(json, result, () => summary(result, terminal));
      });
    });
}

async function settingsIn(file: string): Promise<Record<string, unknown>> {
  const expected = "a JSON file with the settings of a run";
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const found = cause.code === "ENOENT" ? "no such file" : cause.code === "EISDIR" ? "a folder" : String(cause.code);
    throw new InputError({ where: file, expected, found, mend: "Check the path" }, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : "something else";
    throw new InputError({ where: file, expected, found }, { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new InputError({ where: file, expected, found: "JSON of another kind" });
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
