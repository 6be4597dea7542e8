/**
 * Injects faults of the file system into the long commands: `npm run test:faults -- [--seed S] [--command convert] [--command train:20]
 * [--json]`, with the number of faults after a colon (default: all that there are). Exit code 1 if one of them has a wrong effect.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { injectFaults } from "./faults.js";
import { inputsIn, longCommands, makeInputs } from "./long-commands.js";
import { runCliHere } from "./run-cli-here.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "0" },
    command: { type: "string", multiple: true },
    json: { type: "boolean", default: false },
  },
});

const root = await mkdtemp(join(tmpdir(), "bridgetower-faults-"));
try {
  await makeInputs(root, async (args) => {
    const { code, stderr } = await runCliHere(args);
    if (code !== 0) throw new Error(stderr);
  });
  const commands = values.command ?? longCommands(inputsIn(root)).map(({ name }) => name);
  const reports = [];
  for (const command of commands) {
    const [name = "", count = Infinity] = command.split(":");
    const report = await injectFaults(root, name, { seed: Number(values.seed), count: Number(count) });
    reports.push(report);
    if (values.json) continue;
    const total = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((sum, n) => sum + n, 0);
    const kinds = Object.entries(report.injected).map(([kind, n]) => `${kind} ${n}`);
    console.log(
      `${name}: ${report.calls} calls, ${total(report.injected)} faults (${kinds.join(", ")}), ${total(report.survived)} without effect, ${report.problems.length} problems`,
    );
    for (const problem of report.problems) console.log(`  ${problem}`);
  }
  if (values.json) console.log(JSON.stringify(reports));
  process.exitCode = reports.some(({ problems }) => problems.length > 0) ? 1 : 0;
} finally {
  await rm(root, { recursive: true, force: true });
}
