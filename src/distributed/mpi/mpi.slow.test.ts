/** Ranks as processes of mpirun, if it is installed. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { collectiveSuite } from "../collective.suite.js";
import { caseOverMpi, hasMpirun, printedLines, rankProgram } from "../mpirun.test-support.js";

describe.runIf(hasMpirun)("mpirun", () => {
  collectiveSuite("over MPI", [3], caseOverMpi);

  test("a rank that waits uses less than a twentieth of a core", async () => {
    const ended = await rankProgram(2, "waits");
    expect([ended.code, ended.stderr]).toEqual([0, ""]);
    const [line] = printedLines<{ share: number; events: number }>(ended);
    expect(line!.events).toBeGreaterThanOrEqual(50);
    expect(line!.share).toBeLessThan(0.05);
  });

  test.each(["killed", "fails"])("when a rank is lost (%s), mpirun ends all", async (act) => {
    const ended = await rankProgram(2, act);
    expect(ended.code).not.toBe(0);
    expect(printedLines(ended)).toEqual([]);
    if (act === "fails") expect(ended.stderr).toMatch("rank 1 says: the disk is full");
  });

  test("without koffi the error names the package to install", async () => {
    const block = fileURLToPath(new URL("without-koffi.test-support.mjs", import.meta.url));
    const { code, stderr } = await rankProgram(2, "cases", ["--import", block]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(
      "koffi: expected the optional dependency koffi, which calls libmpi in a process started by an MPI launcher, " +
        "found no such package. Install it with npm install koffi.",
    );
  });
});
