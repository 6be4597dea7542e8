/** `*.index.json` of a checkpoint split over several files: which file ("shard") holds which tensor. */

import { withFile, JsonProblem, objectEntries, parseStrictJson } from "../files/index.js";
import { InputError } from "../errors.js";

const maxIndex = 32 * 2 ** 20;
const maxShards = 10_000;

/**
 * Shard file name -> the tensors it holds, both in the index's order. Shard names are plain file names: an index cannot
 * lead out of its folder.
 * @throws InputError naming the index.
 */
export function readShardIndex(path: string): Promise<ReadonlyMap<string, readonly string[]>> {
  return withFile(path, async (file) => {
    if (file.size > maxIndex) {
      throw new InputError({
        code: "file-too-large",
        where: path,
        expected: `an index of at most ${maxIndex} bytes`,
        found: String(file.size),
      });
    }
    return shardsOf(path, parseIndex(path, await file.read(0, file.size)));
  });
}

function parseIndex(path: string, bytes: Uint8Array): [string, unknown][] {
  try {
    const document = objectEntries(parseStrictJson(bytes, { depth: 8, keys: 1_000_000 })) ?? [];
    const weightMap = objectEntries(document.find(([key]) => key === "weight_map")?.[1]);
    if (weightMap !== undefined) return weightMap;
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw new InputError({ code: "invalid-json", where: path, expected: "a JSON index", found: error.message });
  }
  throw new InputError({
    code: "invalid-checkpoint",
    where: path,
    expected: "an object with weight_map",
    found: "another JSON value",
  });
}

function shardsOf(path: string, weightMap: readonly [string, unknown][]): Map<string, string[]> {
  const shards = new Map<string, string[]>();
  for (const [name, shard] of weightMap) {
    if (typeof shard !== "string" || !isPlainFileName(shard)) {
      throw new InputError({
        code: "invalid-checkpoint",
        where: `${path}: ${name.slice(0, 200)}`,
        expected: "the plain name of a file beside the index",
        found: JSON.stringify(shard)?.slice(0, 100) ?? "nothing",
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

/** Letters, digits, `.`, `_`, `-` and spaces; no separator, no drive, nothing hidden and no way up. */
function isPlainFileName(name: string): boolean {
  return /^[\w-][\w. -]{0,254}$/.test(name) && !name.endsWith(".");
}
