/**
 * `checkpoint-<step>/`: a model folder, and the state for a bit-exact resume. It is written under another name, flushed to the disk, and
 * renamed: a process that is killed leaves a complete checkpoint or none.
 */
import { makeFolder, statIfPresent, syncFolder, underFinalName, writeJson } from "../../files/index.js";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeSafetensors, type WritableTensor, saveCheckpoint } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { dtypes, elementCount, HostTensor } from "../../graph/index.js";
import { isHeadParameter } from "../../model/index.js";

import { manifestName, writeManifest } from "./manifest.js";
import { checkpointName, hiddenName, isThere, requireRoom, withRoom } from "./run-folder.js";
import type { TrainerState } from "./trainer-state.js";

/** The optimizer's state of a parameter, as `Learner.optimizerState` gives it. */
export interface Moments {
  /** Moving averages of the gradient and of its square. */
  readonly m: Float32Array;
  readonly v: Float32Array;
}

export interface SavedRun {
  /** Optimizer steps done. */
  readonly step: number;
  /** Content of `config.json`. */
  readonly config: object;
  /** By name without the prefix `bridgetower.`. */
  readonly parameters: ReadonlyMap<string, WritableTensor>;
  /** Files to copy beside the weights, as `processorFiles` finds them: file name -> path. */
  readonly files?: ReadonlyMap<string, string>;
  /** Further JSON files: file name -> content. */
  readonly documents?: Readonly<Record<string, object>>;
  /** Of the parameters that are trained, by their names. */
  readonly optimizer: ReadonlyMap<string, Moments>;
  readonly state: TrainerState;
}

export const optimizerName = "optimizer.safetensors";
export const stateName = "trainer_state.json";

/** Files of a checkpoint that a model folder does not have. */
export const ownNames: ReadonlySet<string> = new Set([optimizerName, stateName, manifestName]);

/** The name of a parameter in `model.safetensors`, as `saveCheckpoint` writes it. */
export const publishedName = (name: string): string => (isHeadParameter(name) ? name : `bridgetower.${name}`);

/**
 * Writes `<output>/checkpoint-<step>/`; one of the same step is replaced when the new one is complete.
 * @returns the folder
 * @throws InputError if it cannot be written, or there is no room for it; the folder is unchanged then
 */
export async function saveRunCheckpoint(output: string, run: SavedRun): Promise<string> {
  if (run.state.global_step !== run.step) {
    throw new RangeError(`saveRunCheckpoint: step ${run.step}, global_step ${run.state.global_step}`);
  }
  const name = checkpointName(run.step);
  const folder = join(output, name);
  await makeFolder(output);
  await checkReplaceable(folder);
  const needed = await bytesOf(run);
  await requireRoom(output, name, needed);
  const unfinished = join(output, hiddenName(run.step, "tmp"));
  try {
    await write(unfinished, run);
    await moveInto(output, unfinished, run.step);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    throw underFinalName(await withRoom(error, output, name, needed), unfinished, folder);
  }
  return folder;
}

async function write(folder: string, run: SavedRun): Promise<void> {
  const { config, parameters, files = new Map<string, string>(), documents = {} } = run;
  const taken = [...files.keys(), ...Object.keys(documents)].find((name) => ownNames.has(name));
  if (taken !== undefined)
    throw new RangeError(`saveRunCheckpoint: ${taken} is a name that checkpoints use themselves`);
  await saveCheckpoint(folder, { config, parameters, files, documents });
  await writeSafetensors(join(folder, optimizerName), optimizerTensors(run));
  await writeJson(join(folder, stateName), run.state);
  await writeManifest(folder, run.step);
  await syncFolder(folder);
}

/** Moves the folder into place. Between the two moves of a replacement only `clearLeftovers` finds the old one. */
async function moveInto(output: string, unfinished: string, step: number): Promise<void> {
  const folder = join(output, checkpointName(step));
  const old = join(output, hiddenName(step, "old"));
  const replaces = await isThere(folder);
  if (replaces) await rename(folder, old);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    if (replaces) await rename(old, folder);
    throw error;
  }
  await syncFolder(output);
  // The checkpoint is saved. If a file of the old one cannot be removed because it is open, the next run removes it.
  if (replaces) await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/** A folder of that name that another program wrote is not replaced. */
async function checkReplaceable(folder: string): Promise<void> {
  if (!(await isThere(folder)) || (await isThere(join(folder, manifestName)))) return;
  throw new InputError({
    code: "file-exists",
    where: folder,
    expected: "a free name, or a checkpoint to replace",
    found: `a folder without ${manifestName}, which this program did not write`,
    hint: "Move it away, or choose another output folder",
  });
}

function optimizerTensors({ optimizer, parameters }: SavedRun): Map<string, WritableTensor> {
  const tensors = new Map<string, WritableTensor>();
  for (const [name, { m, v }] of optimizer) {
    const shape = parameters.get(name)?.shape;
    if (shape === undefined) throw new RangeError(`saveRunCheckpoint: ${name} has optimizer state, but no value`);
    const published = publishedName(name);
    tensors.set(`${published}.exp_avg`, new HostTensor("float32", shape, m));
    tensors.set(`${published}.exp_avg_sq`, new HostTensor("float32", shape, v));
  }
  return tensors;
}

/** Of tensors and copied files; the rest is small. */
async function bytesOf({ parameters, optimizer, files }: SavedRun): Promise<number> {
  let bytes = 0;
  for (const { dtype, shape } of parameters.values()) bytes += elementCount(shape) * dtypes[dtype].bytes;
  for (const { m, v } of optimizer.values()) bytes += m.byteLength + v.byteLength;
  for (const path of files?.values() ?? []) bytes += (await statIfPresent(path))?.size ?? 0;
  return bytes;
}
