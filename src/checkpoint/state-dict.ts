/** State dicts: dicts from parameter name to tensor in torch files. */
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";
import { ForeignObject } from "./pickle.js";
import { TorchTensor, type TorchValue } from "./torch-file.js";

/**
 * The tensors of a state dict by name.
 * @param where the file, or the entry in it, for errors
 * @throws InputError naming what is there in place of tensors
 */
export function stateDictTensors(where: string, value: TorchValue): Map<string, StoredTensor> {
  if (!(value instanceof Map)) throw notStateDict(where, describeTorchValue(value));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of value as ReadonlyMap<TorchValue, TorchValue>) {
    if (typeof name !== "string") throw notStateDict(where, "a key that is not text");
    if (!(tensor instanceof TorchTensor)) {
      throw notStateDict(where, `${describeTorchValue(tensor)} under ${name.slice(0, 200)}`);
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

export function describeTorchValue(value: TorchValue): string {
  if (value instanceof ForeignObject) return `an object of ${value.name.slice(0, 200)}`;
  if (value instanceof TorchTensor) return "a single tensor";
  return Array.isArray(value) ? "a list" : "another value";
}

export function notStateDict(where: string, found: string): InputError {
  const expected = "a dict from parameter name to tensor";
  const hint = "Save the model's state_dict() with torch.save, best as safetensors; nothing in this file was run";
  return new InputError({ code: "invalid-checkpoint", where, expected, found, hint });
}
