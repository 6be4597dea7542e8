import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { faultReports } from "./fault-reports.test-support.js";
import { killCommand, runCliProcess } from "./kills.js";
import { makeInputs } from "./long-commands.js";

test("faults of calls of short commands on files", { timeout: 1_800_000 }, async () => {
  const reports = await faultReports([
    "prepare",
    "convert:300",
    "export:300",
    "evaluate:300",
    "embed",
    "match",
    "download:150",
  ]);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
});

test("faults of calls of a training run on files", { timeout: 1_800_000 }, async () => {
  const [report] = await faultReports(["train:60"]);
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
