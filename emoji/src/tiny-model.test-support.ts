/** A small checkpoint with a tokenizer that knows "cat", "dog" and "a", written with the package's own functions. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initializer, parameterList, parseConfig, Random, saveCheckpoint } from "bridgetower/learner";
import { onTestFinished } from "vitest";

/** Values by parameter name, to be changed before they are written. */
export type Values = ReadonlyMap<string, Float32Array>;

const image_size = 32;
/** Four special tokens, 256 bytes, the merges, `<mask>`. */
const merges = ["c a", "ca t", "Ġ cat", "d o", "do g", "Ġ dog", "Ġ a"];
const vocab_size = 4 + 256 + merges.length + 1;

const config = parseConfig({
  model_type: "bridgetower",
  hidden_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  intermediate_size: 64,
  text_config: {
    vocab_size,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 1,
    intermediate_size: 64,
    max_position_embeddings: 40,
  },
  vision_config: { hidden_size: 64, num_hidden_layers: 2, patch_size: 16, image_size },
});

/** Writes the checkpoint into a folder that is removed when the test is over. */
export async function tinyModel(edit?: (values: Values) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "emoji-tiny-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { used } = parameterList(config, ["mlm"]);
  const initialize = initializer(config, "transformers", new Random(0));
  const values = new Map(used.map((parameter) => [parameter.name, initialize(parameter)]));
  edit?.(values);
  const parameters = new Map(
    used.map(({ name, shape }) => [
      name,
      { dtype: "float32", shape: shape.map(Number), data: values.get(name)! } as const,
    ]),
  );
  const edge = { shortest_edge: image_size };
  const documents = {
    "vocab.json": vocabulary(),
    "tokenizer_config.json": { model_max_length: 32 },
    "preprocessor_config.json": { size: edge, crop_size: edge, size_divisor: 16 },
  };
  await saveCheckpoint(folder, { config, parameters, documents });
  await writeFile(join(folder, "merges.txt"), `#version: 0.2\n${merges.join("\n")}\n`);
  return folder;
}

/** Token -> id, as in the tokenizers of RoBERTa. */
function vocabulary(): Readonly<Record<string, number>> {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let other = 256;
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : other++));
  const tokens = ["<s>", "<pad>", "</s>", "<unk>", ...bytes, ...merges.map((one) => one.replace(" ", "")), "<mask>"];
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}
