import { expect, test } from "vitest";
import { faultReports } from "./fault-reports.test-support.js";

test("a fault of the file system ends a command with one line, or changes nothing", async () => {
  const reports = await faultReports([
    "prepare:10",
    "convert:10",
    "export:8",
    "evaluate:8",
    "embed:5",
    "match:5",
    "train:1",
  ]);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  expect(reports.every(({ injected }) => Object.keys(injected).length > 0)).toBe(true);
});
