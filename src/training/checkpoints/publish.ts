/** The best model at the top of the run's folder, where `--model <output>` finds it. */
import { link, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { smallFiles } from "../../checkpoint/index.js";
import { copyAtomically, hashFile, isFile, syncFolder, temporaryName } from "../../files/index.js";
import { readManifest } from "./manifest.js";
import { checkpointName, withRoom } from "./run-folder.js";
import { ownNames } from "./write-checkpoint.js";

const weights = "model.safetensors";

/**
 * Puts the model's files of a checkpoint (config, weights, processor, tokenizer) into the run's folder, each atomically, and removes those
 * of an earlier model that the checkpoint does not have. The weights are a hard link if the file system can, so that they take no
 * additional space.
 * @param checkpoint its folder
 * @returns the paths written
 * @throws InputError if the checkpoint is torn, or the disk full
 */
export async function publishModel(output: string, checkpoint: string): Promise<string[]> {
  const { step, files } = await readManifest(checkpoint);
  const others = Object.keys(files).filter((name) => !ownNames.has(name) && name !== weights && name !== "config.json");
  // The config is written last: a folder without it is no model.
  const names = [weights, ...others, "config.json"];
  const config = join(output, "config.json");
  const isOther = (await isFile(config)) && (await hashFile(config)) !== files["config.json"]?.sha256;
  if (isOther) await rm(config);
  for (const name of smallFiles) if (!names.includes(name)) await rm(join(output, name), { force: true });
  for (const name of names) {
    const [from, to] = [join(checkpoint, name), join(output, name)];
    try {
      // Small files are copied: an edit of one at the top must not change the checkpoint.
      if (name !== weights || !(await replaceByLink(from, output, name))) await copyAtomically(from, to);
    } catch (error) {
      throw await withRoom(error, output, `${name} of ${checkpointName(step)}`, files[name]?.bytes ?? 0);
    }
  }
  await syncFolder(output);
  return names.map((name) => join(output, name));
}

/** Whether the file system has hard links. */
async function replaceByLink(from: string, output: string, name: string): Promise<boolean> {
  const unfinished = join(output, temporaryName(name));
  try {
    await link(from, unfinished);
  } catch {
    return false;
  }
  try {
    await rename(unfinished, join(output, name));
    return true;
  } finally {
    // Also after success: renaming a link onto one of the same file leaves both.
    await rm(unfinished, { force: true });
  }
}
