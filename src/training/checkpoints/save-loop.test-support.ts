/**
 * A run that does nothing but save: it resumes at the newest checkpoint, saves that step again and then the next ones. It is killed
 * before one of its operations on files, counted from its first complete checkpoint.
 */
import { basename } from "node:path";
import { killAtOperation } from "../../files/kill-at.test-support.js";
import { findCheckpoints, lockRun, pruneCheckpoints, publishModel, saveRunCheckpoint } from "./index.js";
import { runAt } from "./run-at.test-support.js";

const [output = "", killAt = ""] = process.argv.slice(2);

await lockRun(output);
const { checkpoints } = await findCheckpoints(output);
const first = checkpoints.at(-1)?.step ?? 1;
for (let step = first; ; step++) {
  const folder = await saveRunCheckpoint(output, runAt(step));
  process.stdout.write(`${basename(folder)}\n`);
  if (step === first) killAtOperation(["open", "mkdir", "rename", "link", "rm"], Number(killAt));
  await publishModel(output, folder);
  await pruneCheckpoints(output, { keep: 2, best: "checkpoint-1" });
  // The step again: half of the saves replace a checkpoint.
  await saveRunCheckpoint(output, runAt(step));
}
