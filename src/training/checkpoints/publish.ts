/** The best model at the top of the run's folder, where `--model <output>` finds it. */
import { link } from "node:fs/promises";
import { join } from "node:path";
import { modelFiles } from "../../checkpoint/index.js";
import { copyAtomically, replaceFiles } from "../../files/index.js";
import { readManifest } from "./manifest.js";
import { checkpointName, withRoom } from "./run-folder.js";
import { ownNames } from "./write-checkpoint.js";

const weights = "model.safetensors";

/**
 * Puts the model's files of a checkpoint (config, weights, processor, tokenizer) into the run's folder, and removes those of an earlier
 * model that the checkpoint does not have, with `replaceFiles`. The weights are a hard link if the file system supports it, so that they
 * take no additional space.
 * @param checkpoint its folder
 * @returns the paths written
 * @throws InputError if the checkpoint is incomplete or the disk is full. The folder is then unchanged
 */
export async function publishModel(output: string, checkpoint: string): Promise<string[]> {
  const { step, files } = await readManifest(checkpoint);
  const names = Object.keys(files).filter((name) => !ownNames.has(name));
  const written = await replaceFiles(output, modelFiles(names), async (unfinished) => {
    for (const name of names) {
      const [from, to] = [join(checkpoint, name), join(unfinished, name)];
      try {
        // Small files are copied: an edit of one at the top must not change the checkpoint.
        if (name !== weights || !(await isLinked(from, to))) await copyAtomically(from, to);
      } catch (error) {
        throw await withRoom(error, output, `${name} of ${checkpointName(step)}`, files[name]!.bytes);
      }
    }
  });
  return written.map((name) => join(output, name));
}

/** Makes a hard link. @returns whether the file system supports it */
const isLinked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    () => false,
  );
