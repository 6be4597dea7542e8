/** A model folder's weights as named tensors, whichever of the published layouts they have. */

import { fileError, systemCode } from "../files/index.js";
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";

import { missingWeights, refuseQuantized } from "./refused-weights.js";
import { readSafetensors } from "./safetensors.js";
import { readShardIndex } from "./shard-index.js";
import { findStateDict, stateDictNotes, type StateDict } from "./state-dict.js";
import { readTorchFile } from "./torch-file.js";
import { type WeightFormat, weightFormats } from "./model-files.js";

export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The file, or the index of several, that the names came from; for messages. */
  readonly source: string;
  /** What was left out of the files, in a few words each. */
  readonly notes: readonly string[];
}

/**
 * The weights in `folder`: `model.safetensors`, else its shards, else `pytorch_model.bin`, else its shards. Reads headers only; the
 * tensors' bytes stay in their files.
 * @throws InputError if there are none, or a file is invalid.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  await checkFolder(folder);
  for (const format of weightFormats) {
    const single = join(folder, format.file);
    if (await exists(single)) {
      const weights = await readWeights(format, single);
      refuseQuantized(single, weights.tensors);
      return { tensors: weights.tensors, source: single, notes: stateDictNotes([weights]) };
    }
    const index = join(folder, format.index);
    if (!(await exists(index))) continue;
    const shards = await readShards(format, folder, index);
    refuseQuantized(index, shards.tensors);
    return { ...shards, source: index };
  }
  throw await missingWeights(folder);
}

async function readWeights(format: WeightFormat, path: string): Promise<StateDict> {
  if (format.kind === "torch") return findStateDict(path, await readTorchFile(path, { foreign: "keep" }));
  return { tensors: await readSafetensors(path), nonTensors: [], path: "", others: [] };
}

async function readShards(
  format: WeightFormat,
  folder: string,
  index: string,
): Promise<Pick<Checkpoint, "tensors" | "notes">> {
  const shards = await readShardIndex(index);
  const tensors = new Map<string, StoredTensor>();
  const dicts: StateDict[] = [];
  const problems: string[] = [];
  for (const [shard, names] of shards) {
    const path = join(folder, shard);
    if (!(await exists(path))) {
      problems.push(`no file ${shard}`);
      continue;
    }
    const found = await readWeights(format, path);
    dicts.push(found);
    const nonTensors = new Set(found.nonTensors);
    for (const name of names) {
      if (nonTensors.has(name)) continue;
      const tensor = found.tensors.get(name);
      if (tensor === undefined) problems.push(`no ${name} in ${shard}`);
      else tensors.set(name, tensor);
    }
  }
  if (problems.length > 0) {
    const rest = problems.length > 10 ? ` and ${problems.length - 10} more` : "";
    throw new InputError({
      code: "invalid-checkpoint",
      where: index,
      expected: "all files and tensors that the index names",
      found: problems.slice(0, 10).join(", ") + rest,
      hint: "Download the whole checkpoint again",
    });
  }
  return { tensors, notes: stateDictNotes(dicts) };
}

async function checkFolder(folder: string): Promise<void> {
  const stats = await stat(folder).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw fileError(folder, error);
    throw new InputError(
      { code: "file-not-found", where: folder, expected: "a model folder", found: "no such folder" },
      { cause: error },
    );
  });
  if (!stats.isDirectory()) {
    throw new InputError({
      code: "file-unreadable",
      where: folder,
      expected: "a model folder",
      found: "a file",
      hint: "Give the folder that holds it",
    });
  }
}

/** A broken symbolic link counts as missing, as in a cache whose blobs were removed. */
async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === "ENOENT") return false;
      throw fileError(path, error);
    },
  );
}
