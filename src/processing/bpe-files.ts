/** The BPE model of `tokenizer.json`, or of `vocab.json` and `merges.txt`, checked entry by entry. */
import { describe, isObject, type JsonObject } from "../files/index.js";
import { InputError } from "../errors.js";
import type { BpeModel } from "./bpe.js";

import { MergeTable } from "./merge-table.js";

// Far above any text vocabulary; keeps an id in an untrusted file from sizing an array.
const maxId = 2 ** 24;

/**
 * A BPE model from its JSON form: vocab from token to id, merges by rank as `"a b"` or `["a", "b"]`.
 * @param where      the file that errors name
 * @param mergesFile the file of the merges, if another
 */
export function readBpeModel(value: unknown, where: string, mergesFile = where): BpeModel {
  const model = isObject(value) ? value : {};
  if (model.type !== "BPE" && model.type !== undefined) unsupported(where, "model.type BPE", describe(model.type));
  refuseOptions(model, where);
  const vocab = readVocab(model.vocab, where);
  const unk = model.unk_token ?? undefined;
  const unkId = typeof unk === "string" ? vocab.get(unk) : undefined;
  if (unk !== undefined && unkId === undefined) {
    throw new InputError({
      code: "invalid-config",
      where: `${where}: model.unk_token`,
      expected: "a token of the vocabulary",
      found: describe(unk),
    });
  }
  return { vocab, merges: readMerges(model.merges, vocab, mergesFile), unkId, fuseUnk: model.fuse_unk === true };
}

/** The lines of a merges.txt without its version header and without empty lines. */
export function readMergeLines(text: string): string[] {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  return lines.filter((line, index) => line !== "" && !(index === 0 && line.startsWith("#version")));
}

function refuseOptions(model: JsonObject, where: string): void {
  const options = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"];
  const set = options.find((option) => Boolean(model[option]));
  if (set !== undefined) unsupported(where, `model.${set} unset, as in RoBERTa`, describe(model[set]));
}

function unsupported(where: string, expected: string, found: string): never {
  const hint = "Use the byte-level BPE tokenizer that was published with a BridgeTower model";
  throw new InputError({ code: "unsupported-format", where, expected, found, hint });
}

function readVocab(value: unknown, where: string): ReadonlyMap<string, number> {
  if (!isObject(value)) {
    throw new InputError({
      code: "invalid-config",
      where,
      expected: "a vocab from token to id",
      found: describe(value),
      hint: "Download the file again",
    });
  }
  const vocab = new Map<string, number>();
  const taken: boolean[] = [];
  for (const token of Object.keys(value)) {
    const id = value[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= maxId) {
      wrongEntry(where, token, "a whole number from 0 as id", describe(id));
    }
    if (taken[id]) wrongEntry(where, token, "every id once", `id ${id} again`);
    taken[id] = true;
    vocab.set(token, id);
  }
  return vocab;
}

function wrongEntry(where: string, token: string, expected: string, found: string): never {
  throw new InputError({ code: "invalid-config", where: `${where}: vocab entry ${describe(token)}`, expected, found });
}

function readMerges(value: unknown, vocab: ReadonlyMap<string, number>, where: string): MergeTable {
  if (!Array.isArray(value)) {
    throw new InputError({
      code: "invalid-config",
      where,
      expected: "a list of merges",
      found: describe(value),
      hint: "Download the file again",
    });
  }
  const table = new MergeTable(value.length);
  value.forEach((entry: unknown, rank) => {
    const pair = mergePair(entry);
    if (pair === undefined) {
      const expected = "two tokens";
      throw new InputError({
        code: "invalid-config",
        where: `${where}: merge ${rank}`,
        expected,
        found: describe(entry),
        hint: "Download the file again",
      });
    }
    const left = vocab.get(pair[0]);
    const right = vocab.get(pair[1]);
    const result = vocab.get(pair[0] + pair[1]);
    if (left !== undefined && right !== undefined && result !== undefined) {
      table.set(rank, left, right, result);
      return;
    }
    const unknown = left === undefined ? pair[0] : right === undefined ? pair[1] : pair[0] + pair[1];
    const hint = "Use the vocabulary and the merges that were published together";
    const found = `${describe(unknown)}, which the vocabulary lacks`;
    throw new InputError({
      code: "invalid-config",
      where: `${where}: merge ${rank}`,
      expected: "tokens of the vocabulary",
      found,
      hint,
    });
  });
  return table;
}

function mergePair(entry: unknown): readonly [string, string] | undefined {
  if (typeof entry === "string") {
    const space = entry.indexOf(" ");
    const second = entry.slice(space + 1);
    return space > 0 && second !== "" && !second.includes(" ") ? [entry.slice(0, space), second] : undefined;
  }
  const parts: readonly unknown[] = Array.isArray(entry) ? entry : [];
  const [left, right] = parts;
  return parts.length === 2 && typeof left === "string" && typeof right === "string" ? [left, right] : undefined;
}
