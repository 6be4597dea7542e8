/** The tensors in a torch file's content, wherever its writer put them. */
import { ForeignObject, TorchTensor, type TorchValue } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";

/** Deeper than any model; keeps a hostile file from nesting without end. */
const deepest = 32;

/**
 * The tensors of a state dict by name: the content itself, its entry `state_dict` (PyTorch Lightning, which keeps
 * callbacks, optimizers and settings beside it), or the attributes of a TorchScript module, as `visual.conv1.weight`.
 * @param value content of the file, with foreign objects kept
 * @throws InputError naming what stands in the place of tensors
 */
export function stateDict(source: string, value: TorchValue): Map<string, StoredTensor> {
  if (value instanceof ForeignObject) return moduleTensors(source, value);
  if (!(value instanceof Map)) throw notTensors(source, describe(value));
  const content = value as ReadonlyMap<TorchValue, TorchValue>;
  const nested = content.get("state_dict");
  const where = nested === undefined ? source : `${source}: state_dict`;
  const entries = nested ?? value;
  if (!(entries instanceof Map)) throw notTensors(where, describe(entries));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of entries as ReadonlyMap<TorchValue, TorchValue>) {
    if (typeof name !== "string") throw notTensors(where, "a key that is not text");
    if (!(tensor instanceof TorchTensor)) throw notTensors(where, `${describe(tensor)} under ${name.slice(0, 200)}`);
    tensors.set(name, tensor);
  }
  return tensors;
}

/** Attributes of a scripted module that are tensors, and those of the modules in it. */
function moduleTensors(source: string, module: ForeignObject): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const visited = new Set<ForeignObject>();
  const collect = ({ state }: ForeignObject, prefix: string, depth: number) => {
    if (!(state instanceof Map)) return;
    if (depth > deepest) throw notTensors(source, `modules nested more than ${deepest} deep`);
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
  if (tensors.size === 0) throw notTensors(source, describe(module));
  return tensors;
}

function describe(value: TorchValue): string {
  if (value instanceof ForeignObject) return `an object of ${value.name.slice(0, 200)}`;
  if (value instanceof TorchTensor) return "a single tensor";
  return Array.isArray(value) ? "a list" : "another value";
}

function notTensors(where: string, found: string): InputError {
  const hint = "Save the model's state_dict() with torch.save, best as safetensors; nothing in this file was run";
  return new InputError({
    code: "invalid-checkpoint",
    where,
    expected: "a dict from parameter name to tensor",
    found,
    hint,
  });
}
