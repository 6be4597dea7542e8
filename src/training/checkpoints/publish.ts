/** The best model at the top of the run's folder, where `--model <output>` finds it. */
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { readManifest } from "./manifest.js";
import { withRoom } from "./disk-space.js";
import { checkpointName, syncFolder, unfinishedName } from "./run-folder.js";
import { ownNames } from "./write-checkpoint.js";

const weights = "model.safetensors";

/**
 * Puts the model's files of a checkpoint (config, weights, processor, tokenizer) into the run's folder, each atomically.
 * The weights are a hard link where the file system can, so that they take no room twice.
 * @param checkpoint its folder
 * @returns the paths written
 * @throws InputError when the checkpoint is torn, or the disk full
 */
export async function publishModel(output: string, checkpoint: string): Promise<string[]> {
  const { step, files } = await readManifest(checkpoint);
  const others = Object.keys(files).filter((name) => !ownNames.has(name) && name !== weights && name !== "config.json");
  // The config comes last: a folder without it is no model.
  const names = [weights, ...others, "config.json"];
  for (const name of names) {
    const unfinished = join(output, unfinishedName(name));
    try {
      const from = join(checkpoint, name);
      // Small files are copied: who edits one at the top must not change the checkpoint.
      const linked = name === weights && (await isLinked(from, unfinished));
      if (!linked) await copyDurably(from, unfinished);
      await rename(unfinished, join(output, name));
    } catch (error) {
      const needed = files[name]?.bytes ?? 0;
      throw await withRoom(error, output, `${name} of ${checkpointName(step)}`, needed);
    } finally {
      // Also after success: renaming a link onto one of the same file leaves both.
      await rm(unfinished, { force: true });
    }
  }
  await syncFolder(output);
  return names.map((name) => join(output, name));
}

/** Whether the file system links. */
const isLinked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    () => false,
  );

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const file = await open(to, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
