/** Reads a checkpoint, and validates size, hash, names and shapes. */
import { basename, join } from "node:path";
import { readSafetensors, readTensor } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { sameShape, type StoredTensor } from "../../graph/index.js";
import type { Arrays } from "../../runtime/index.js";

import { checkContents, readManifest } from "./manifest.js";
import { optimizerName, publishedName, stateName, type Moments } from "./write-checkpoint.js";
import { readTrainerState, type TrainerState } from "./trainer-state.js";

export interface RunCheckpoint {
  readonly folder: string;
  /** Optimizer steps done. */
  readonly step: number;
  /** Of each parameter, by name without the prefix `bridgetower.`; each array fills a separate ArrayBuffer. */
  readonly values: Arrays;
  /** Of the parameters that were trained; each array fills a separate ArrayBuffer. */
  readonly optimizer: Map<string, Moments>;
  readonly state: TrainerState;
}

/** Name without the prefix `bridgetower.`, and shape. */
export interface ExpectedParameter {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/**
 * Reads `checkpoint-<step>/`.
 * @param parameters  those that the checkpoint must have, and no others
 * @param trained     names of those that the optimizer must have a state for, and no others; by default any of them
 * @throws InputError naming all tensors that are missing, surplus or misshapen, or the file that has changed since it was saved
 */
export async function readRunCheckpoint(
  folder: string,
  parameters: readonly ExpectedParameter[],
  trained?: Iterable<string>,
): Promise<RunCheckpoint> {
  const manifest = await readManifest(folder);
  await checkContents(folder, manifest);
  const state = await readTrainerState(join(folder, stateName));
  if (state.global_step !== manifest.step) {
    const [where, found] = [join(folder, stateName), String(state.global_step)];
    throw new InputError({ code: "corrupt-file", where, expected: `global_step ${manifest.step}`, found, hint });
  }
  return {
    folder,
    step: manifest.step,
    values: await readValues(join(folder, "model.safetensors"), parameters),
    optimizer: await readOptimizer(join(folder, optimizerName), parameters, trained),
    state,
  };
}

const hint = "Resume with the model and the settings that the run started with, or from another checkpoint";

async function readValues(path: string, parameters: readonly ExpectedParameter[]): Promise<Arrays> {
  const tensors = await readSafetensors(path);
  const wanted = new Map(parameters.map(({ name, shape }) => [publishedName(name), { name, shape }]));
  refuse(path, problems(tensors, wanted));
  const values: Arrays = new Map();
  for (const [published, { name }] of wanted) values.set(name, await readFloats(tensors.get(published)!));
  return values;
}

async function readOptimizer(
  path: string,
  parameters: readonly ExpectedParameter[],
  trained?: Iterable<string>,
): Promise<Map<string, Moments>> {
  const tensors = await readSafetensors(path);
  const names = new Set(trained ?? namesIn(tensors, parameters));
  const members = parameters.filter(({ name }) => names.has(name));
  const wanted = members.flatMap(({ name, shape }) =>
    ["exp_avg", "exp_avg_sq"].map((kind) => [`${publishedName(name)}.${kind}`, { shape }] as const),
  );
  refuse(path, problems(tensors, new Map(wanted)));
  const states = new Map<string, Moments>();
  for (const { name } of members) {
    const read = (kind: string) => readFloats(tensors.get(`${publishedName(name)}.${kind}`)!);
    states.set(name, { m: await read("exp_avg"), v: await read("exp_avg_sq") });
  }
  return states;
}

/** Parameters with a tensor in the file. */
function namesIn(tensors: ReadonlyMap<string, StoredTensor>, parameters: readonly ExpectedParameter[]): string[] {
  const stems = new Set([...tensors.keys()].map((name) => name.replace(/\.(exp_avg|exp_avg_sq)$/, "")));
  return parameters.map(({ name }) => name).filter((name) => stems.has(publishedName(name)));
}

function problems(
  tensors: ReadonlyMap<string, StoredTensor>,
  wanted: ReadonlyMap<string, { readonly shape: ExpectedParameter["shape"] }>,
): string[] {
  const surplus = [...tensors.keys()].filter((name) => !wanted.has(name));
  return [
    ...[...wanted].flatMap(([name, { shape }]) => {
      const there = tensors.get(name);
      if (there === undefined) return [`no ${name}`];
      if (there.dtype === "float32" && sameShape(there.shape, shape)) return [];
      return [`${name} is ${there.dtype} [${there.shape.join(", ")}], not float32 [${shape.join(", ")}]`];
    }),
    ...surplus.map((name) => `${name.slice(0, 200)} is not one of them`),
  ];
}

function refuse(path: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const rest = found.length > 8 ? ` and ${found.length - 8} more` : "";
  throw new InputError({
    code: "resume-mismatch",
    where: path,
    expected:
      basename(path) === optimizerName ? "the state of the parameters that are trained" : "the model's parameters",
    found: `${found.slice(0, 8).join("; ")}${rest}`,
    hint,
  });
}

/** The values of a float32 tensor, in a separate buffer. */
async function readFloats(tensor: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
  const { data } = await readTensor(tensor);
  if (data instanceof Float32Array && data.buffer instanceof ArrayBuffer) return new Float32Array(data.buffer);
  throw new TypeError(`readFloats: ${tensor.dtype} is not float32`);
}
