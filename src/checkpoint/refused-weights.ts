/** Weights that are there and cannot be used: of other programs, quantized, adapters, or in parts of several processes. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import { fileError } from "../files/index.js";
import type { DType, StoredTensor } from "../graph/index.js";
import { weightFormats } from "./model-files.js";

interface Refused {
  /** Of one of the folder's files. */
  readonly name: RegExp;
  /** Default: the names of weights. */
  readonly expected?: string;
  readonly found: (names: readonly string[]) => string;
  readonly hint: (folder: string, name: string) => string;
}

const inParts = (program: string): Pick<Refused, "expected" | "found"> => ({
  expected: "weights in one file, or in shards with an index",
  found: () => `a checkpoint of ${program}, in parts from several processes`,
});
const mergePeft = 'PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained("merged")';

/** In the order in which they are looked for. */
const refused: readonly Refused[] = [
  {
    name: /^(latest|zero_to_fp32\.py|.*(model|optim)_states\.pt)$/,
    ...inParts("DeepSpeed"),
    hint: (folder) =>
      `Merge it and name the result: run python zero_to_fp32.py ${folder} merged with the script in that folder, or ` +
      `deepspeed.utils.zero_to_fp32.convert_zero_checkpoint_to_fp32_state_dict("${folder}", "merged")`,
  },
  {
    name: /^(\.metadata|.*\.distcp)$/,
    ...inParts("torch.distributed.checkpoint"),
    hint: (folder) =>
      `Merge it and name the result: run python -m torch.distributed.checkpoint.format_utils dcp_to_torch ${folder} merged.pt`,
  },
  {
    name: /^pytorch_model_fsdp_\d+$/,
    ...inParts("torch.distributed.checkpoint"),
    hint: (folder, name) =>
      `Merge it and name the result: run python -m torch.distributed.checkpoint.format_utils dcp_to_torch ${join(folder, name)} merged.pt`,
  },
  {
    name: /^adapter_(model\.(safetensors|bin)|config\.json)$/,
    found: ([name]) => `${name!} of a PEFT adapter, which has only changes to the weights of another model`,
    hint: () => `Merge it in Python: ${mergePeft}`,
  },
  {
    name: /^model-\d+-of-\d+\.safetensors$|^pytorch_model-\d+-of-\d+\.bin$/,
    found: (names) => `shards (${listed(names)}) without their index`,
    hint: (_, name) => `Copy or fetch ${weightFormats[name.endsWith(".bin") ? 1 : 0]!.index}, too`,
  },
  {
    name: /^(?!.*(optimizer|scheduler|training_args|rng_state|scaler)).+\.(safetensors|bin|pt|pth|ckpt)$/i,
    found: listed,
    hint: (folder, name) =>
      `If ${name} has the weights, rename it to ${name.toLowerCase().endsWith(".safetensors") ? "model.safetensors" : "pytorch_model.bin"}, ` +
      `or run bridgetower convert ${join(folder, name)} out`,
  },
  {
    name: /\.(h5|msgpack|onnx|gguf|mlmodel|tflite)$/i,
    found: (names) => `weights in a format of other programs (${listed(names)})`,
    hint: () => "Save the model with PyTorch: save_pretrained of transformers writes model.safetensors",
  },
];

function listed(names: readonly string[]): string {
  return names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");
}

/** The error for a folder without weights that can be read: what is there in their place, and what to do with it. */
export async function missingWeights(folder: string): Promise<InputError> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  for (const { name: pattern, expected = expectedNames, found, hint } of refused) {
    const [first, ...others] = names.filter((name) => pattern.test(name)).sort();
    if (first === undefined) continue;
    return new InputError({
      code: "unsupported-format",
      where: folder,
      expected,
      found: found([first, ...others]),
      hint: hint(folder, first),
    });
  }
  return new InputError({
    code: "file-not-found",
    where: folder,
    expected: expectedNames,
    found: "none of them",
    hint: "Point to the folder that holds config.json and the weights",
  });
}

const expectedNames = `one of ${weightFormats.flatMap(({ file, index }) => [file, index]).join(", ")}`;

const floats: readonly DType[] = ["float32", "float16", "bfloat16", "float64"];

/**
 * Refuses weights that are whole numbers, because they are quantized and their scales are in other tensors, and the tensors of an adapter
 * that is not merged.
 * @param source the file, for errors
 * @throws InputError naming the first of them
 */
export function refuseQuantized(source: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  for (const [name, { dtype }] of tensors) {
    if (/\.lora_[AB]\./.test(name)) {
      throw new InputError({
        code: "unsupported-format",
        where: source,
        expected: "the weights of a model",
        found: `an adapter that is not merged with them (${name.slice(0, 200)})`,
        hint: `Merge it in Python: ${mergePeft}`,
      });
    }
    if (floats.includes(dtype) || !/\.(?:weight|bias)$/.test(name)) continue;
    throw new InputError({
      code: "unsupported-format",
      where: source,
      expected: "weights in float32, float16, bfloat16 or float64",
      found: `${name.slice(0, 200)} in ${dtype}: a quantized model`,
      hint: "Use the checkpoint that it was made from, or save the model dequantized",
    });
  }
}
