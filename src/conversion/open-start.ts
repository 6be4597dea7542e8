/** From what a user names as a starting point (a folder, a hub id or a file) to its tensors. */
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { openCheckpoint, readSafetensors, readTorchFile, resolveModel, type HubOptions } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { startingTensors, type StartingTensors } from "./starting-tensors.js";
import { stateDict } from "./state-dict.js";

/**
 * Opens a starting point; reads no values. Folders and hub ids hold published weights; a file is safetensors, or anything
 * of `torch.save`: a state dict, a trainer's checkpoint with one in it, or a TorchScript archive, none of which is run.
 * @throws InputError when there is no such thing, it is damaged, or its names belong to no known model
 * @example
 * const { layout, tensors } = await openStart("models/emoji");
 * console.log(layout, tensors.get("itm_score.fc.bias")?.shape); // bridgetower [ 2 ]
 */
export async function openStart(name: string, options: HubOptions = {}): Promise<StartingTensors> {
  if (await isFile(name)) {
    const tensors =
      extname(name).toLowerCase() === ".safetensors"
        ? await readSafetensors(name)
        : stateDict(name, await readTorchFile(name, { foreign: "keep" }));
    return startingTensors(name, tensors);
  }
  if (weightFile.test(name)) {
    const hint = "Check the path";
    throw new InputError({
      code: "file-not-found",
      where: name,
      expected: "a checkpoint file, a model folder or a hub id",
      found: "no such file",
      hint,
    });
  }
  const folder = await resolveModel(name, options);
  const { source, tensors } = await openCheckpoint(folder);
  return { ...startingTensors(source, tensors), folder };
}

/** Names of files rather than of models on the hub. */
const weightFile = /\.(ckpt|pt|pth|bin|safetensors)$/i;

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => !stats.isDirectory(),
    () => false,
  );
