import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findCheckpoints, lockRun, readRunCheckpoint } from "./index.js";
import { parameters, trained } from "./run-at.test-support.js";
import { expectedAt, plain, temporaryFolder } from "./sample-run.test-support.js";

const script = fileURLToPath(new URL("./save-loop.test-support.ts", import.meta.url));

/** A run that is killed before its operation `killAt` on files; the last step that it reported as saved. */
async function killedRun(output: string, killAt: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", script, output, String(killAt)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: "SIGKILL" });
  return Number(/checkpoint-(\d+)\n$/.exec(text)?.[1]);
}

/** In a publication (up to 19), in a save that replaces a checkpoint (up to 51), and in a save of a new one. */
const moments = [10, 16, 24, 33, 46, 47, 49, 60, 76, 90];

test(
  "a run that is killed at any moment resumes at the complete checkpoint that it saved last",
  { timeout: 180_000 },
  async () => {
    const output = await temporaryFolder();
    let leftovers = 0;
    for (const moment of moments) {
      const saved = await killedRun(output, moment);
      leftovers += (await readdir(output)).filter((name) => name.startsWith(".")).length;
      const lock = await lockRun(output);
      expect((await readdir(output)).filter((name) => name.startsWith("."))).toEqual([]);
      const { checkpoints, warnings } = await findCheckpoints(output);
      expect(warnings).toEqual([]);
      const newest = checkpoints.at(-1)!;
      // It may have been killed before it reported the step.
      expect(newest.step - saved).toBeGreaterThanOrEqual(0);
      expect(newest.step - saved).toBeLessThanOrEqual(1);
      expect(plain(await readRunCheckpoint(newest.folder, parameters, trained))).toEqual(expectedAt(newest.step));
      await access(join(output, "checkpoint-1"));
      await lock.release();
    }
    // Some kills came while files were written.
    expect(leftovers).toBeGreaterThan(0);
  },
);
