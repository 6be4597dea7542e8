/** `*.index.json` of a checkpoint split over several files: the file ("shard") of each tensor. */

import { describe, isObject, readJsonObject } from "../files/index.js";
import { InputError, shortJson } from "../errors.js";

const maxIndex = 32 * 2 ** 20;
const maxShards = 10_000;

/**
 * Shard file name -> the tensors it holds, both in the index's order. Shard names are plain file names: an index cannot
 * lead out of its folder.
 * @throws InputError naming the index.
 */
export async function readShardIndex(path: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const limits = { depth: 8, keys: 1_000_000 };
  const { weight_map } = await readJsonObject(path, { maxBytes: maxIndex, expected: "a JSON index", limits });
  if (isObject(weight_map)) return shardsOf(path, Object.entries(weight_map));
  throw new InputError({
    code: "invalid-checkpoint",
    where: path,
    expected: "an object with weight_map",
    found: `weight_map: ${describe(weight_map)}`,
    hint: "Download the file again",
  });
}

function shardsOf(path: string, weightMap: readonly [string, unknown][]): Map<string, string[]> {
  const shards = new Map<string, string[]>();
  for (const [name, shard] of weightMap) {
    if (typeof shard !== "string" || !isPlainFileName(shard)) {
      throw new InputError({
        code: "invalid-checkpoint",
        where: `${path}: ${name.slice(0, 200)}`,
        expected: "the name of a file beside the index, without a path",
        found: shortJson(shard, 100),
      });
    }
    const names = shards.get(shard) ?? [];
    names.push(name);
    shards.set(shard, names);
  }
  if (shards.size > maxShards) {
    throw new InputError({
      code: "invalid-checkpoint",
      where: path,
      expected: `at most ${maxShards} files`,
      found: String(shards.size),
    });
  }
  return shards;
}

/** Letters, digits, `.`, `_`, `-` and spaces; no separators, drives, hidden files or parent folders. */
function isPlainFileName(name: string): boolean {
  return /^[\w-][\w. -]{0,254}$/.test(name) && !name.endsWith(".");
}
