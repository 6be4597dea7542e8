/** Opens a starting point that a user names (a folder, a hub id or a file). */
import { statIfPresent } from "../files/index.js";
import { extname } from "node:path";
import {
  describeTorchValue,
  findStateDict,
  ForeignObject,
  notStateDict,
  openCheckpoint,
  readSafetensors,
  readTorchFile,
  refuseQuantized,
  resolveModel,
  stateDictNotes,
  TorchTensor,
  type Checkpoint,
  type HubOptions,
  type TorchValue,
} from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";
import { abortable } from "../threads/index.js";
import { reportNotes } from "./checkpoint-names.js";
import { startingTensors, type StartingTensors } from "./starting-tensors.js";

/**
 * Opens a starting point; reads no values. Folders and hub ids hold published weights; a file is safetensors, or anything of `torch.save`:
 * a state dict, a trainer's checkpoint with one in it, or a TorchScript archive. No code in it is run. Prefixes of wrappers and entries
 * that are not tensors are removed; `onWarning` is called with one line that names them.
 * @throws InputError when there is no such thing, it is damaged, or its names belong to no known model; `signal.reason` when aborted
 * @example
 * const { layout, tensors } = await openStart("models/emoji");
 * console.log(layout, tensors.get("itm_score.fc.bias")?.shape); // bridgetower [ 2 ]
 */
export async function openStart(name: string, options: HubOptions = {}): Promise<StartingTensors> {
  const existing = await statIfPresent(name);
  if (existing?.isDirectory() === false) {
    const { tensors, notes } =
      extname(name).toLowerCase() === ".safetensors"
        ? { tensors: await abortable(readSafetensors(name), options.signal), notes: [] }
        : stateDict(name, await abortable(readTorchFile(name, { foreign: "keep" }), options.signal));
    refuseQuantized(name, tensors);
    return reported(startingTensors(name, tensors), notes, options);
  }
  if (existing === undefined && weightFile.test(name)) {
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
  const { source, tensors, notes } = await abortable(openCheckpoint(folder), options.signal);
  return { ...reported(startingTensors(source, tensors), notes, options), folder };
}

function reported(start: StartingTensors, fileNotes: readonly string[], { onWarning }: HubOptions): StartingTensors {
  const complete = { ...start, notes: [...fileNotes, ...start.notes] };
  reportNotes(complete, onWarning);
  return complete;
}

/** Names of files rather than of models on the hub. */
const weightFile = /\.(ckpt|pt|pth|bin|safetensors)$/i;

/** Deeper than any model; limits the nesting of a hostile file. */
const maxDepth = 32;

/**
 * The tensors of a state dict by name: of the state dict in the file, or the attributes of a TorchScript module, as `visual.conv1.weight`.
 * @param value content of the file, with foreign objects kept
 * @throws InputError naming what is there in place of tensors
 */
function stateDict(source: string, value: TorchValue): Pick<Checkpoint, "tensors" | "notes"> {
  if (value instanceof ForeignObject) return { tensors: moduleTensors(source, value), notes: [] };
  const found = findStateDict(source, value);
  return { tensors: found.tensors, notes: stateDictNotes([found]) };
}

/** Attributes of a scripted module that are tensors, and those of the modules in it. */
function moduleTensors(source: string, module: ForeignObject): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const visited = new Set<ForeignObject>();
  const collect = ({ state }: ForeignObject, prefix: string, depth: number) => {
    if (!(state instanceof Map)) return;
    if (depth > maxDepth) throw notStateDict(source, `modules nested more than ${maxDepth} deep`);
    for (const [name, value] of state as ReadonlyMap<unknown, unknown>) {
      if (typeof name !== "string") continue;
      if (value instanceof TorchTensor) tensors.set(prefix + name, value);
      if (value instanceof ForeignObject && !visited.has(value)) {
        visited.add(value);
        collect(value, `${prefix}${name}.`, depth + 1);
      }
    }
  };
  collect(module, "", 0);
  if (tensors.size === 0) throw notStateDict(source, describeTorchValue(module));
  return tensors;
}
