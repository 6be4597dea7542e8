/** Runs the training run of the project's README and compares its output. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli, run, shown } from "./readme-blocks.test-support.js";

test("## Training runs: the run ends as shown, up to rounding", async () => {
  const { source, output } = shown("sh", "## Training runs")[0]!;
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-readme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const words = source.trim().split(" ").slice(2);
  const { stdout } = await run(cli, ...words, "--output", folder);
  const number = /-?\d+\.\d+/g;
  const found = stdout.replaceAll(folder, "runs/example");
  expect(found.replaceAll(number, "#")).toBe(output.replaceAll(number, "#"));
  const expected = output.match(number)!.map(Number);
  for (const [i, value] of found.match(number)!.map(Number).entries()) {
    // A share may change by one of the few samples.
    expect(Math.abs(value - expected[i]!)).toBeLessThan(Math.max(0.02, 0.03 * expected[i]!));
  }
});
