import { expect, test } from "vitest";
import { faultReports } from "./fault-reports.test-support.js";

test("a fault of the file system ends a command with one line, or changes nothing", async () => {
  const reports = await faultReports([
    "prepare:16",
    "convert:16",
    "export:12",
    "evaluate:12",
    "embed:8",
    "match:8",
    "train:2",
  ]);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  expect(reports.every(({ injected }) => Object.keys(injected).length > 0)).toBe(true);
});
