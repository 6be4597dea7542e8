/** A run that does nothing but save: goes on from the newest checkpoint, saves that step again and then the next ones. */
import { basename } from "node:path";
import { findCheckpoints, lockRun, pruneCheckpoints, publishModel, saveRunCheckpoint } from "./index.js";
import { runAt } from "./run-at.test-support.js";

const [output = ""] = process.argv.slice(2);
await lockRun(output);
const { checkpoints } = await findCheckpoints(output);
for (let step = checkpoints.at(-1)?.step ?? 1; ; step++) {
  const folder = await saveRunCheckpoint(output, runAt(step));
  process.stdout.write(`${basename(folder)}\n`);
  await publishModel(output, folder);
  await pruneCheckpoints(output, { keep: 2, best: "checkpoint-1" });
  // The step again: a replacement is under way half of the time.
  await saveRunCheckpoint(output, runAt(step));
}
