import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Random } from "../../random/index.js";
import { findCheckpoints, lockRun, readRunCheckpoint } from "./index.js";
import { parameters, trained } from "./run-at.test-support.js";
import { expectedAt, plain, temporaryFolder } from "./sample-run.test-support.js";

const script = fileURLToPath(new URL("./save-loop.test-support.ts", import.meta.url));

/** Kills the run `delay` ms after its first checkpoint; the last step that it said it had saved. */
async function killedRun(output: string, delay: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", script, output], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (text === "") setTimeout(() => child.kill("SIGKILL"), delay);
    text += chunk.toString();
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: "SIGKILL" });
  return Number(/checkpoint-(\d+)\n$/.exec(text)?.[1]);
}

test(
  "killed at twenty moments, a run goes on from the checkpoint that it saved last, whole",
  { timeout: 180_000 },
  async () => {
    const output = await temporaryFolder();
    const delays = new Random(3).at("kill");
    let leftovers = 0;
    for (let kill = 0; kill < 20; kill++) {
      const saved = await killedRun(output, delays.uniform() * 60);
      leftovers += (await readdir(output)).filter((name) => name.startsWith(".")).length;
      const lock = await lockRun(output);
      expect((await readdir(output)).filter((name) => name.startsWith("."))).toEqual([]);
      const { checkpoints, warnings } = await findCheckpoints(output);
      expect(warnings).toEqual([]);
      const newest = checkpoints.at(-1)!;
      // It may have been killed before it could say so.
      expect(newest.step - saved).toBeGreaterThanOrEqual(0);
      expect(newest.step - saved).toBeLessThanOrEqual(1);
      expect(plain(await readRunCheckpoint(newest.folder, parameters, trained))).toEqual(expectedAt(newest.step));
      await access(join(output, "checkpoint-1"));
      await lock.release();
    }
    // Else no kill came while anything was written.
    expect(leftovers).toBeGreaterThan(0);
  },
);
