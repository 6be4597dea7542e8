/** A checkpoint of the authors' training code, or any other BridgeTower weights, as a folder in Hugging Face layout. */
import { isFolder, readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";
import {
  readTensor,
  resolveModel,
  roundedTensor,
  type HubOptions,
  type WeightDType,
  type WritableTensor,
  processorFiles,
  saveCheckpoint,
  tokenizerFiles,
} from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { HostTensor, type Parameter, type StoredTensor } from "../graph/index.js";
import { parameterList, parseConfig, presentHeads, type BridgeTowerConfig } from "../model/index.js";
import { inferConfig, overlaid, type ConfigJson } from "./inferred-config.js";
import { openStart } from "./open-start.js";
import { ownConfig, preprocessorConfig, untiedIfDifferent } from "./starting-config.js";
import type { StartingTensors } from "./starting-tensors.js";
import { planStart, type PlannedValues } from "./starting-values.js";

export interface ConvertOptions extends HubOptions {
  /** A config.json, or a folder with one; its fields override those inferred from the weights. By default the source's own. */
  readonly config?: string | undefined;
  /** Folder or hub id whose tokenizer is copied; by default the source's own. */
  readonly tokenizer?: string | undefined;
  /** Type of all weights; by default each keeps its own. */
  readonly dtype?: WeightDType | undefined;
}

export interface Conversion {
  /** Paths of the files written. */
  readonly files: readonly string[];
  /** Content of config.json. */
  readonly config: ConfigJson;
  /** Patterns of names in the file, their new names, and the number of tensors. */
  readonly mapped: readonly { readonly from: string; readonly to: string; readonly tensors: number }[];
  /** Tensors computed from others. */
  readonly derived: readonly { readonly name: string; readonly how: string }[];
  /** Patterns of names that have no place in the folder. */
  readonly dropped: readonly { readonly from: string; readonly tensors: number }[];
  /** Names in the file that no BridgeTower of this config has. */
  readonly surplus: readonly string[];
}

/**
 * Writes `config.json`, `model.safetensors`, `preprocessor_config.json` and the tokenizer's files, if there are any. Weights
 * that keep their type are copied piece by piece; others are read and rounded one after another.
 * @param source folder, hub id or file, as `openStart` takes them
 * @throws InputError when it is no whole BridgeTower, config and weights disagree, a weight is too large for the
 * type, or the folder cannot be written; `signal.reason` when aborted, with the folder as before
 * @example
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { basename, join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "converted-"));
 * const { files } = await convertCheckpoint("models/emoji", folder, { dtype: "float16" });
 * console.log(files.map((file) => basename(file)).includes("model.safetensors")); // true
 */
export async function convertCheckpoint(
  source: string,
  folder: string,
  { config: configPath, tokenizer, dtype, ...hub }: ConvertOptions = {},
): Promise<Conversion> {
  const start = await openStart(source, hub);
  if (start.layout !== "bridgetower" && start.layout !== "original") throw notWhole(start);
  const { folder: own } = start;
  const inferred = inferConfig(start.source, start.tensors);
  const chosen = overlaid(overlaid(inferred, await ownConfig(own)), await givenConfig(configPath));
  const json = withDType(await untiedIfDifferent(chosen, start, hub.onWarning), dtype);
  const config = parseConfig(json, configPath ?? `config.json inferred from ${start.source}`);
  const { plans, report } = planStart(wantedParameters(config, start), [start]);
  checkComplete(start, config, report.initialised);
  const files = new Map(own === undefined ? [] : await processorFiles(own));
  if (tokenizer !== undefined) {
    for (const name of (await tokenizerFiles(own ?? "")).keys()) files.delete(name);
    for (const [name, path] of await checkedTokenizer(await resolveModel(tokenizer, hub))) files.set(name, path);
  }
  // Given fields may ask for images of another size.
  const ownImages = files.has("preprocessor_config.json") && configPath === undefined;
  if (!ownImages) files.delete("preprocessor_config.json");
  const parameters = await writable(plans, start.source, { dtype, signal: hub.signal });
  const documents: Readonly<Record<string, object>> = ownImages
    ? {}
    : { "preprocessor_config.json": preprocessorConfig(config.vision_config.image_size) };
  const written = await saveCheckpoint(folder, { config: json, parameters, documents, files }, { signal: hub.signal });
  return {
    files: written,
    config: json,
    mapped: start.rules.flatMap(({ from, to, tensors }) => (to === undefined ? [] : [{ from, to, tensors }])),
    derived: report.derived,
    dropped: start.rules.flatMap(({ from, to, tensors }) => (to === undefined ? [{ from, tensors }] : [])),
    surplus: report.unused,
  };
}

function notWhole({ source, layout }: StartingTensors): InputError {
  return new InputError({
    code: "invalid-checkpoint",
    where: source,
    expected: "the weights of a whole BridgeTower",
    found: `${layout === "roberta" ? "RoBERTa" : "CLIP"} alone`,
    hint: "A tower alone can only start a training run: use a BridgeTower checkpoint",
  });
}

async function givenConfig(path: string | undefined): Promise<ConfigJson> {
  if (path === undefined) return {};
  const file = (await isFolder(path)) ? join(path, "config.json") : path;
  const json = await readJsonObjectIfPresent(file);
  if (json !== undefined) return json;
  throw new InputError({
    code: "file-not-found",
    where: file,
    expected: "a config.json",
    found: "no such file",
    hint: "Check the path",
  });
}

/** The parameters of a checkpoint of this config, with every head that has a tensor. */
function wantedParameters(config: BridgeTowerConfig, start: StartingTensors): Parameter[] {
  const { tensors } = start;
  const { unused } = parameterList(config, []);
  const present = presentHeads(config, (name) => tensors.has(name), { partial: true });
  const wanted = [...parameterList(config, present).used, ...unused.filter(({ name }) => tensors.has(name))];
  const scale: Parameter = { kind: "parameter", name: "logit_scale", dtype: "float32", shape: [] };
  // transformers knows the temperature by its logarithm only.
  const addScale = tensors.has("temperature") && wanted.some(({ name }) => name === "temperature");
  return addScale ? [...wanted, scale] : wanted;
}

function checkComplete(
  { source }: StartingTensors,
  { model_type }: BridgeTowerConfig,
  missing: readonly string[],
): void {
  if (missing.length === 0) return;
  const rest = missing.length > 12 ? ` and ${missing.length - 12} more` : "";
  throw new InputError({
    code: "parameter-mismatch",
    where: source,
    expected: `all weights of a ${model_type === "meter" ? "METER" : "BridgeTower"} of this config`,
    found: `${missing.length} missing (${missing.slice(0, 12).join(", ")}${rest})`,
    hint: "Download the file again, or give the config.json that belongs to it",
  });
}

async function checkedTokenizer(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = await tokenizerFiles(folder);
  if (files.has("tokenizer.json") || (files.has("vocab.json") && files.has("merges.txt"))) return files;
  const expected = "a tokenizer: tokenizer.json, or vocab.json and merges.txt";
  throw new InputError({
    code: "file-not-found",
    where: folder,
    expected,
    found: "neither",
    hint: "Pass a folder or id that has one",
  });
}

/** The config with the weights' type in the fields that transformers reads it from, if they are present. */
function withDType(config: ConfigJson, dtype: WeightDType | undefined): ConfigJson {
  if (dtype === undefined) return config;
  const fields = (json: ConfigJson): ConfigJson =>
    Object.fromEntries(
      Object.entries(json).map(([name, value]) => [name, name === "torch_dtype" || name === "dtype" ? dtype : value]),
    );
  const towers = Object.entries(config).filter(([name]) => name === "text_config" || name === "vision_config");
  // Those two are objects: `overlaid` makes them.
  return { ...fields(config), ...Object.fromEntries(towers.map(([name, json]) => [name, fields(json as ConfigJson)])) };
}

async function writable(
  plans: readonly PlannedValues[],
  source: string,
  { dtype, signal }: Pick<ConvertOptions, "dtype" | "signal">,
): Promise<Map<string, WritableTensor>> {
  const tensors = new Map<string, WritableTensor>();
  for (const { parameter, taken, derived } of plans) {
    signal?.throwIfAborted();
    const { name, shape } = parameter;
    const where = `${name} in ${source}`;
    if (taken === undefined) {
      const values = new HostTensor("float32", shape, await derived!.read());
      tensors.set(name, dtype === undefined ? values : roundedTensor(values, dtype, where));
    } else {
      // Neither layout of a whole BridgeTower has stacked pieces.
      const stored = taken.parts[0]!;
      tensors.set(name, dtype === undefined || stored.dtype === dtype ? stored : rounded(stored, dtype, where));
    }
  }
  return tensors;
}

/** Read when it is written, so that only one tensor is in memory. */
function rounded(stored: StoredTensor, dtype: WeightDType, where: string): WritableTensor {
  async function* data() {
    const { data: values } = roundedTensor(await readTensor(stored), dtype, where);
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  return { dtype, shape: stored.shape, data };
}
