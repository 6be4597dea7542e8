import { mkdir, readdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findCheckpoints, pruneCheckpoints, saveRunCheckpoint } from "./index.js";
import { runAt } from "./run-at.test-support.js";
import { temporaryFolder } from "./sample-run.test-support.js";

async function runWith(...steps: number[]): Promise<string> {
  const output = await temporaryFolder();
  for (const step of steps) await saveRunCheckpoint(output, runAt(step));
  return output;
}

test("complete checkpoints by step, as numbers; torn and foreign folders are named", async () => {
  const output = await runWith(100, 20, 3, 7, 8);
  await truncate(join(output, "checkpoint-7", "optimizer.safetensors"), 10);
  await rm(join(output, "checkpoint-8", "checkpoint.json"));
  await mkdir(join(output, "checkpoint-last"));
  await mkdir(join(output, "logs"));
  await mkdir(join(output, ".checkpoint-200.0123456789ab.tmp"));
  await rename(join(output, "checkpoint-3"), join(output, "checkpoint-300"));
  await writeFile(join(output, "checkpoint-9"), "a file");
  const { checkpoints, warnings } = await findCheckpoints(output);
  expect(checkpoints).toEqual([
    { step: 20, folder: join(output, "checkpoint-20") },
    { step: 100, folder: join(output, "checkpoint-100") },
  ]);
  expect(warnings.map((line) => line.replaceAll(output, "run").replace(/of \d+ bytes/, "of N bytes"))).toEqual([
    "run/checkpoint-300 is skipped: expected a folder of step 3, found another name.",
    "run/checkpoint-7 is skipped: optimizer.safetensors: expected a file of N bytes, found 10: it was cut short or changed.",
    "run/checkpoint-8 is skipped: checkpoint.json: expected a JSON file, found no such file.",
    "run/checkpoint-9 is skipped: checkpoint.json: expected a JSON file, found a path that leads through a file.",
    "run/checkpoint-last is skipped: checkpoint.json: expected a JSON file, found no such file.",
  ]);
});

test("a run without a folder has no checkpoints; a file is none", async () => {
  const output = await temporaryFolder();
  expect(await findCheckpoints(join(output, "none"))).toEqual({ checkpoints: [], warnings: [] });
  await writeFile(join(output, "file"), "");
  await expect(findCheckpoints(join(output, "file"))).rejects.toThrow(
    "expected the folder of a run, found a path that leads through a file",
  );
});

test.each([
  [{ keep: 1 }, [5]],
  [{ keep: 2, best: null }, [4, 5]],
  [{ keep: 1, best: "checkpoint-2" }, [2, 5]],
  [{ keep: 2, best: "moved/since/checkpoint-4" }, [4, 5]],
  [{ keep: 9 }, [1, 2, 3, 4, 5]],
  // 4 and 5 are damaged, and the run went on from 2.
  [{ keep: 1, step: 3 }, [3, 4, 5]],
])("pruning with %j leaves %j", async (keeping, left) => {
  const output = await runWith(1, 2, 3, 4, 5);
  const gone = await pruneCheckpoints(output, keeping);
  expect((await readdir(output)).sort()).toEqual(left.map((step) => `checkpoint-${step}`));
  expect(gone.length).toBe(5 - left.length);
});

test("torn folders neither count as the newest nor are they deleted", async () => {
  const output = await runWith(1, 2, 3);
  await rm(join(output, "checkpoint-3", "model.safetensors"));
  await pruneCheckpoints(output, { keep: 1 });
  expect((await readdir(output)).sort()).toEqual(["checkpoint-2", "checkpoint-3"]);
});

test("the newest is always kept", async () => {
  await expect(pruneCheckpoints(await runWith(1), { keep: 0 })).rejects.toThrow(RangeError);
});
