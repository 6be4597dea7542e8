import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { faultReports } from "./fault-reports.test-support.js";
import { killCommand, runCliProcess } from "./kills.js";
import { makeInputs } from "./long-commands.js";

// Samples; `npm run test:faults` injects faults into every call.
test("faults of calls of short commands on files", { timeout: 600_000 }, async () => {
  const reports = await faultReports([
    "prepare:150",
    "convert:80",
    "export:80",
    "evaluate:80",
    "embed:100",
    "match:80",
    "download:50",
  ]);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
});

test("faults of calls of a training run on files", { timeout: 600_000 }, async () => {
  const [report] = await faultReports(["train:20"]);
  expect(report!.problems).toEqual([]);
});

test(
  "a command that is killed at random moments gives the results of an uninterrupted one",
  { timeout: 600_000 },
  async () => {
    const root = await mkdtemp(join(tmpdir(), "bridgetower-kills-"));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    await makeInputs(root, async (args) => {
      const { code, stderr } = await runCliProcess(args);
      if (code !== 0) throw new Error(stderr);
    });
    for (const name of ["train", "prepare", "convert", "export", "evaluate"]) {
      expect((await killCommand(root, name, 3, 1)).problems).toEqual([]);
    }
  },
);
