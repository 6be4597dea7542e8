/**
 * Kills each long command (SIGKILL) at random moments and compares what it gives in the end with an uninterrupted run:
 * `npm run test:kills -- --times 50 --seed 1 [--command train] [--json]`. Exit code 1 if a result differs.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { killCommand, runCliProcess, type KillReport } from "./faults/kills.js";
import { makeInputs } from "./faults/long-commands.js";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    command: { type: "string", multiple: true, default: ["train", "prepare", "convert", "export", "evaluate"] },
    json: { type: "boolean", default: false },
  },
});

const root = await mkdtemp(join(tmpdir(), "bridgetower-kills-"));
const reports: KillReport[] = [];
try {
  await makeInputs(root, async (args) => {
    const { code, stderr } = await runCliProcess(args);
    if (code !== 0) throw new Error(stderr);
  });
  if (!values.json) console.log("command    seed  kills  while writing  too late  compared  ms a run  problems");
  for (const name of values.command) {
    const report = await killCommand(root, name, Number(values.times), Number(values.seed));
    reports.push(report);
    if (values.json) continue;
    const { seed, kills, whileWriting, tooLate, compared, duration, problems } = report;
    const numbers = [seed, kills, whileWriting, tooLate, compared, duration, problems.length];
    const widths = [4, 5, 13, 8, 8, 8, 8];
    console.log(
      [name.padEnd(9), ...numbers.map((n, i) => String(n).padStart(widths[i]!))].join("  "),
      ...problems.map((problem) => `\n  ${problem}`),
    );
  }
  if (values.json) console.log(JSON.stringify(reports, null, 2));
  process.exitCode = reports.some(({ problems }) => problems.length > 0) ? 1 : 0;
} finally {
  await rm(root, { recursive: true, force: true });
}
