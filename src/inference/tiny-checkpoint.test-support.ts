/** Whole checkpoint folders of the tiny golden models, written in each of the layouts that published files have. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { readCase } from "../../fixtures/golden.js";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { writeSafetensors } from "../checkpoint/index.js";
import { HostTensor, toFloat32 } from "../graph/index.js";
import { parameterList, parseConfig, type Head } from "../model/index.js";

type Json = Readonly<Record<string, unknown>>;
export type Weights = Map<string, HostTensor>;

/** How the weights are written. `halves`: float32 values that are exactly those of the `float16` or `bfloat16` file. */
export type WeightLayout =
  | { readonly dtype?: "float32" | "float16" | "bfloat16"; readonly prefix?: string; readonly shards?: number }
  | { readonly halves: "float16" | "bfloat16" };

export interface TinyCheckpoint {
  /** The content of config.json; by default that of the golden case `add` with the vocabulary of `writeTokenizer`. */
  readonly config?: unknown;
  /** Heads in the file; default all three. */
  readonly heads?: readonly Head[];
  readonly layout?: WeightLayout;
  /** Changes the weights, which have names without prefix, before they are written. */
  readonly edit?: (weights: Weights) => void;
  /** `model_max_length` of the tokenizer; default 512. */
  readonly modelMaxLength?: number;
}

/** Tokens of the tiny tokenizer: four special ones, 256 bytes, merges, `<mask>` last. */
const vocabSize = 300;

/** The sparse config.json of a golden case with single fields of it and of its text part replaced. */
export function tinyConfig(changes: Json = {}, textChanges: Json = {}, visionChanges: Json = {}): Json {
  const golden = readCase("add").configJson as { readonly text_config: Json; readonly vision_config: Json };
  return {
    ...golden,
    ...changes,
    text_config: { ...golden.text_config, vocab_size: vocabSize, ...textChanges },
    vision_config: { ...golden.vision_config, ...visionChanges },
  };
}

/** Writes a checkpoint folder that is removed when the test is over. */
export async function tinyCheckpoint(options: TinyCheckpoint = {}): Promise<string> {
  const { config = tinyConfig(), heads = ["itm", "mlm", "itc"], layout = {}, edit } = options;
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-tasks-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const parsed = parseConfig(config);
  const weights: Weights = new Map();
  const { used, unused } = parameterList(parsed, heads);
  for (const { name, shape } of [...used, ...unused]) {
    const sizes = shape;
    weights.set(name, new HostTensor("float32", sizes, tinyWeight(name, sizes)));
  }
  edit?.(weights);
  await writeJson(folder, "config.json", config);
  await writeWeights(folder, weights, layout);
  await writeTokenizer(folder, options.modelMaxLength ?? 512);
  const edge = { shortest_edge: parsed.vision_config.image_size };
  await writeJson(folder, "preprocessor_config.json", { size: edge, crop_size: edge, size_divisor: 8 });
  return folder;
}

/** Sets every element of the weights whose name matches. */
export function fillWeights(weights: Weights, names: RegExp, value: number): void {
  for (const [name, { data }] of weights) if (names.test(name)) (data as Float32Array).fill(value);
}

const writeJson = (folder: string, name: string, content: unknown) =>
  writeFile(join(folder, name), JSON.stringify(content));

async function writeWeights(folder: string, weights: Weights, layout: WeightLayout): Promise<void> {
  const named = new Map<string, HostTensor>();
  const { dtype = "float32", prefix = "bridgetower.", shards = 1 } = "halves" in layout ? {} : layout;
  for (const [name, tensor] of weights) {
    // Head classes write their own parameters without the prefix.
    const written = /^(itm|mlm|itc|vqa|snli|nlvr2|rank)_|^(logit_scale|temperature)$/.test(name) ? name : prefix + name;
    named.set(written, "halves" in layout ? widened(shortened(tensor, layout.halves)) : shortened(tensor, dtype));
  }
  if (shards === 1) return writeSafetensors(join(folder, "model.safetensors"), named);
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const part = new Map([...named].filter((_, i) => i % shards === shard));
    for (const name of part.keys()) weight_map[name] = file;
    await writeSafetensors(join(folder, file), part);
  }
  await writeJson(folder, "model.safetensors.index.json", { metadata: {}, weight_map });
}

/** The tensor in 16 bits, rounded towards zero; float16 loses what is below its normal numbers. */
function shortened(tensor: HostTensor, dtype: "float32" | "float16" | "bfloat16"): HostTensor {
  if (dtype === "float32" || tensor.dtype !== "float32") return tensor;
  const bits = new Uint32Array((tensor.data as Float32Array).slice().buffer);
  const half = (x: number) => {
    const exponent = ((x >>> 23) & 0xff) - 112;
    return ((x >>> 16) & 0x8000) | (exponent > 0 ? (exponent << 10) | ((x >>> 13) & 0x3ff) : 0);
  };
  return new HostTensor(dtype, tensor.shape, Uint16Array.from(bits, dtype === "float16" ? half : (x) => x >>> 16));
}

const widened = (tensor: HostTensor) => new HostTensor("float32", tensor.shape, toFloat32(tensor));

/** `vocab.json` and `merges.txt` as the old published folders have them. */
async function writeTokenizer(folder: string, modelMaxLength: number): Promise<void> {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let other = 256;
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : other++));
  const merges = ["c a", "ca t", "Ġ cat", "d o", "do g", "Ġ dog", "Ġ a"];
  const merged = merges.map((merge) => merge.replace(" ", ""));
  const known = ["<s>", "<pad>", "</s>", "<unk>", ...bytes, ...merged];
  const filler = Array.from({ length: vocabSize - 1 - known.length }, (_, i) => `<filler ${i}>`);
  const vocab = [...known, ...filler, "<mask>"];
  await writeJson(folder, "vocab.json", Object.fromEntries(vocab.map((token, id) => [token, id])));
  await writeFile(join(folder, "merges.txt"), `#version: 0.2\n${merges.join("\n")}\n`);
  await writeJson(folder, "tokenizer_config.json", { model_max_length: modelMaxLength });
}
