/** Temporary folders and files of other libraries' tensors for the tests of this folder. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { readTensor, writeSafetensors } from "../checkpoint/index.js";
import { HostTensor, toFloat32, type Parameter } from "../graph/index.js";
import type { StartingTensors } from "./index.js";
import { startingTensors } from "./starting-tensors.js";

export const fixtures = join(import.meta.dirname, "fixtures");

export async function fixtureJson<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(fixtures, name), "utf8")) as T;
}

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-start-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The value that `fixtures/make.py` gave a tensor of this name. */
export function valueOf(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const offset = /(layer_norm\d|layrnorm)\.weight$/.test(name) ? 1 : 0;
  return tinyWeight(name, shape).map((value) => Math.fround(value + offset));
}

/** A file with tensors of these names and shapes. */
export async function fileOf(shapes: Readonly<Record<string, readonly number[]>>): Promise<string> {
  const path = join(await temporaryFolder(), "start.safetensors");
  const tensors = Object.entries(shapes).map(
    ([name, shape]) => [name, new HostTensor("float32", shape, valueOf(name, shape))] as const,
  );
  await writeSafetensors(path, new Map(tensors));
  return path;
}

/** A starting point in memory. */
export function startOf(tensors: Readonly<Record<string, HostTensor>>): StartingTensors {
  const stored = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [name, { dtype, shape, data: bytes }] as const;
  });
  return startingTensors("memory", new Map(stored));
}

export const parameter = (name: string, shape: readonly number[]): Parameter => ({
  kind: "parameter",
  name,
  dtype: "float32",
  shape,
});

export const float32 = (shape: readonly number[], ...values: number[]): HostTensor =>
  new HostTensor("float32", shape, Float32Array.from(values));

/** The one stored piece of a starting tensor, as float32. */
export async function valuesIn(start: StartingTensors, name: string): Promise<number[]> {
  const [part] = start.tensors.get(name)!.parts;
  return Array.from(toFloat32(await readTensor(part!)));
}
