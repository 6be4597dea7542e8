/** State dicts: dicts from parameter name to tensor, alone in a torch file or among the other values that training programs save. */
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";
import { ForeignObject } from "./pickle.js";
import { TorchTensor, type TorchValue } from "./torch-file.js";

export interface StateDict {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Keys of its entries that are not tensors, such as `global_step`. */
  readonly nonTensors: readonly string[];
  /** Keys that lead to it in the file, joined by dots; empty if it is the content of the file. */
  readonly path: string;
  /** Keys of the other entries in the dicts around it, such as `optimizer`. */
  readonly others: readonly string[];
}

type Dict = ReadonlyMap<TorchValue, TorchValue>;

/** Keys of the model's weights in files of common programs: Lightning, DeepSpeed, Accelerate, timm and others. */
const modelKeys = ["state_dict", "model_state_dict", "model", "module"];

/** Dicts inside dicts that are searched for the state dict. */
const maxNesting = 3;

/**
 * The state dict in the content of a torch file: the content itself, or the one dict in it whose keys are parameter names. If there are
 * several, the one under a usual key (`state_dict`, `model` …) is used. Its entries that are not tensors are left out.
 * @param where the file, for errors
 * @throws InputError naming what is there in place of tensors, or several dicts that could be meant
 */
export function findStateDict(where: string, value: TorchValue): StateDict {
  if (!(value instanceof Map)) throw notStateDict(where, describeTorchValue(value));
  const found = search(value, [], new Set());
  const chosen = found.length <= 1 ? found[0] : preferred(found);
  if (chosen !== undefined) return stateDictOf(chosen);
  if (found.length > 1) {
    throw new InputError({
      code: "invalid-checkpoint",
      where,
      expected: "one dict from parameter name to tensor",
      found: `several: ${found.slice(0, 8).map(pathOf).join(", ")}`, // prettier-ignore
      hint: "Save the one that you mean with torch.save, preferably as safetensors",
    });
  }
  throw notStateDict(where, contentOf(value));
}

/** What a reader of the file left out, in a few words each. */
export function stateDictNotes(dicts: readonly StateDict[]): string[] {
  const paths = new Set(dicts.flatMap(({ path }) => (path === "" ? [] : [path])));
  const others = [...new Set(dicts.flatMap((dict) => dict.others))];
  const nonTensors = [...new Set(dicts.flatMap((dict) => dict.nonTensors))];
  return [
    ...(paths.size === 0 ? [] : [`read the weights under ${[...paths].join(", ")}`]),
    ...(others.length === 0 ? [] : [`left out ${listed(others)}`]),
    ...(nonTensors.length === 0 ? [] : [`left out entries that are not tensors: ${listed(nonTensors)}`]),
  ];
}

/** A dict of tensors, and the dicts around it from the outermost on, each with the key that leads to it. */
interface Found {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly dict: Dict;
  readonly around: readonly (readonly [dict: Dict, key: string])[];
}

/**
 * The state dicts in a dict; itself if a key of a tensor has a dot, or if no dict in it has tensors. A pickle may refer to one dict
 * thousands of times: each is searched once.
 */
function search(dict: Dict, around: Found["around"], searched: Set<Dict>): Found[] {
  if (searched.has(dict)) return [];
  searched.add(dict);
  const entries = [...dict].filter((entry): entry is [string, TorchValue] => typeof entry[0] === "string");
  const tensors = new Map(
    entries.flatMap(([key, value]) => (value instanceof TorchTensor ? [[key, value] as const] : [])),
  );
  const itself = { tensors, dict, around };
  if ([...tensors.keys()].some((key) => key.includes("."))) return [itself];
  const inside =
    around.length === maxNesting
      ? []
      : entries.flatMap(([key, value]) =>
          value instanceof Map ? search(value, [...around, [dict, key]], searched) : [],
        );
  const named = inside.filter((one) => [...one.tensors.keys()].some((key) => key.includes(".")));
  if (named.length > 0) return named;
  return tensors.size > 0 ? [itself] : inside;
}

const pathOf = ({ around }: Found): string => around.map(([, key]) => keyText(key)).join(".");

function stateDictOf(found: Found): StateDict {
  const { tensors, dict, around } = found;
  const nonTensors = [...dict].flatMap(([key, value]) => (value instanceof TorchTensor ? [] : [keyText(key)]));
  const others = around.flatMap(([outer, key]) => [...outer.keys()].filter((other) => other !== key).map(keyText));
  return { tensors, nonTensors, path: pathOf(found), others };
}

/** Of several, the one that the usual keys lead to. */
function preferred(dicts: readonly Found[]): Found | undefined {
  const rank = ({ around }: Found) => {
    const at = modelKeys.indexOf(around[0]?.[1].split(".")[0] ?? "");
    return at < 0 ? modelKeys.length : at;
  };
  const [first, second] = [...dicts].sort((a, b) => rank(a) - rank(b));
  return first === undefined || second === undefined || rank(first) === rank(second) ? undefined : first;
}

const keyText = (key: TorchValue): string => (typeof key === "string" ? key : "a key that is not text").slice(0, 200);

function listed(names: readonly string[]): string {
  const rest = names.length > 4 ? ` and ${names.length - 4} more` : "";
  return names.slice(0, 4).join(", ") + rest;
}

function contentOf(dict: Dict): string {
  const [entry] = dict;
  if (entry === undefined) return "an empty dict";
  const [key, value] = entry;
  return `${describeTorchValue(value)} under ${keyText(key)}`;
}

export function describeTorchValue(value: TorchValue): string {
  if (value instanceof ForeignObject) return `an object of ${value.name.slice(0, 200)}`;
  if (value instanceof TorchTensor) return "a single tensor";
  return Array.isArray(value) ? "a list" : "another value";
}

export function notStateDict(where: string, found: string): InputError {
  const expected = "a dict from parameter name to tensor";
  const hint = "Save the model's state_dict() with torch.save, preferably as safetensors; nothing in this file was run";
  return new InputError({ code: "invalid-checkpoint", where, expected, found, hint });
}
