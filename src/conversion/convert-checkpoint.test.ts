import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { readSafetensors, readTensor, writeSafetensors, type WritableTensor } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { HostTensor, toFloat32 } from "../graph/index.js";
import { imageSettings } from "../processing/index.js";
import { BridgeTowerForImageAndTextRetrieval } from "../inference/index.js";
import { fixtures, fileOf, fixtureJson, temporaryFolder } from "./conversion-files.test-support.js";
import { convertCheckpoint } from "./index.js";

const lightning = join(fixtures, "lightning.ckpt");
const packaged = "models/emoji";

async function complaint(folder: string, action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  if (error instanceof InputError) return error.message.replaceAll(`${folder}/`, "").replaceAll(fixtures, "fixtures");
  throw new Error("expected an InputError", { cause: error });
}

type Json = Readonly<Record<string, unknown>>;

const json = async (path: string): Promise<Json> => JSON.parse(await readFile(path, "utf8")) as Json;

test("an aborted conversion rejects with the reason and leaves the folder as before, wherever it stops", async () => {
  const root = await temporaryFolder();
  const reason = new Error("stopped");
  let stops = 0;
  for (let at = 1; ; at = Math.ceil(1.7 * at)) {
    const controller = new AbortController();
    const { signal } = controller;
    let checks = 0;
    vi.spyOn(signal, "throwIfAborted").mockImplementation(() => {
      if (++checks === at) controller.abort(reason);
      if (signal.aborted) throw reason;
    });
    const result: unknown = await convertCheckpoint(lightning, join(root, "model"), { signal }).catch(
      (e: unknown) => e,
    );
    if (result !== reason) {
      expect(result).toHaveProperty("files");
      break;
    }
    stops++;
    expect(await readdir(root)).toEqual([]);
  }
  expect(stops).toBeGreaterThan(4);
});

test("a Lightning checkpoint becomes a folder that the model loads, with the values that its names give", async () => {
  const out = join(await temporaryFolder(), "new", "model");
  const { files, config, derived, surplus } = await convertCheckpoint(lightning, out, { tokenizer: packaged });
  expect((await readdir(out)).sort()).toEqual(files.map((path) => path.slice(out.length + 1)).sort());
  expect(await readdir(out)).toContain("tokenizer.json");
  expect(await json(join(out, "config.json"))).toEqual(config);
  expect(config).toMatchInlineSnapshot(`
    {
      "contrastive_form": "dual",
      "contrastive_hidden_size": 6,
      "head_hidden_scale": 2,
      "hidden_size": 8,
      "intermediate_size": 12,
      "link_tower_type": "add",
      "logit_scale_init_value": 2.6592,
      "model_type": "bridgetower",
      "num_attention_heads": 1,
      "num_hidden_layers": 2,
      "share_cross_modal_transformer_layers": true,
      "share_link_tower_layers": false,
      "task_head_layers": 2,
      "text_config": {
        "hidden_size": 8,
        "intermediate_size": 12,
        "max_position_embeddings": 10,
        "model_type": "bridgetower_text_model",
        "num_attention_heads": 1,
        "num_hidden_layers": 1,
        "type_vocab_size": 1,
        "vocab_size": 24,
      },
      "tie_word_embeddings": false,
      "token_type_count": 2,
      "vision_config": {
        "hidden_size": 64,
        "image_size": 12,
        "model_type": "bridgetower_vision_model",
        "num_channels": 3,
        "num_hidden_layers": 1,
        "patch_size": 4,
        "share_layernorm": true,
      },
      "vqav2_label_size": 5,
    }
  `);
  expect(imageSettings(await json(join(out, "preprocessor_config.json")), "x").size).toEqual({
    shortest_edge: 12,
  });
  expect([derived, surplus]).toEqual([[{ name: "logit_scale", how: "−ln(temperature)" }], ["confusion.total"]]);

  const written = await readSafetensors(join(out, "model.safetensors"));
  const scalars: Record<string, number> = {};
  for (const [name, stored] of written) {
    const values = toFloat32(await readTensor(stored));
    const bare = name.replace(/^bridgetower\./, "");
    if (/^(temperature|logit_scale)$/.test(name)) {
      scalars[name] = values[0]!;
      continue;
    }
    const expected = tinyWeight(bare, stored.shape);
    const tolerance = stored.dtype === "float16" ? 1e-3 : 0;
    expect([name, values.every((value, i) => Math.abs(value - expected[i]!) <= tolerance)]).toEqual([name, true]);
  }
  expect(scalars).toEqual({ temperature: Math.fround(0.05), logit_scale: Math.fround(-Math.log(Math.fround(0.05))) });
  const unprefixed = [...written.keys()].filter((name) => !name.startsWith("bridgetower."));
  expect(new Set(unprefixed.map((name) => name.split(".")[0]))).toEqual(
    new Set(
      ["itm_score", "mlm_score", "itc_text_head", "itc_image_head", "temperature", "logit_scale"].concat(
        "vqa_classifier",
        "rank_output",
      ),
    ),
  );

  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(out);
  const ids = new HostTensor("int64", [1, 3], BigInt64Array.of(0n, 5n, 2n));
  const pixels = new HostTensor("float32", [1, 3, 12, 12], new Float32Array(3 * 144).fill(0.5));
  const { logits } = await model.forward({ input_ids: ids, pixel_values: pixels });
  expect(logits.shape).toEqual([1, 2]);
  await model.dispose();
});

test("a folder in Hugging Face layout keeps its type, its values and its config", async () => {
  const out = await temporaryFolder();
  const { config, mapped } = await convertCheckpoint(packaged, out, { config: packaged });
  expect(config).toMatchObject(await json(join(packaged, "config.json")));
  const [before, after] = await Promise.all(
    [packaged, out].map((folder) => readSafetensors(join(folder, "model.safetensors"))),
  );
  const bare = (name: string) => name.replace(/^bridgetower\./, "");
  const byName = new Map([...before!].map(([name, stored]) => [bare(name), stored]));
  expect([...after!.keys()].map(bare).sort()).toEqual([...byName.keys()].sort());
  for (const [name, stored] of after!) {
    const original = byName.get(bare(name))!;
    expect(stored.dtype).toBe(original.dtype);
    const [a, b] = await Promise.all([readTensor(stored), readTensor(original)]);
    expect(Buffer.from(a.data.buffer).equals(Buffer.from(b.data.buffer))).toBe(true);
  }
  expect(mapped.reduce((sum, { tensors }) => sum + tensors, 0)).toBe(before!.size);
});

test.each(["float32", "float16", "bfloat16"] as const)(
  "all weights as %s, nearest to those of the source",
  async (dtype) => {
    const out = join(await temporaryFolder(), "model");
    const { config, derived } = await convertCheckpoint(lightning, out, { dtype, tokenizer: packaged });
    expect(derived).toHaveLength(1);
    expect(config).not.toHaveProperty("torch_dtype");
    const exact = join(await temporaryFolder(), "model");
    await convertCheckpoint(lightning, exact);
    const [written, wanted] = await Promise.all(
      [out, exact].map((folder) => readSafetensors(join(folder, "model.safetensors"))),
    );
    expect([...written!.keys()].sort()).toEqual([...wanted!.keys()].sort());
    const halfStep = { float32: 0, float16: 2 ** -11, bfloat16: 2 ** -8 }[dtype];
    for (const [name, stored] of written!) {
      expect([name, stored.dtype, stored.shape]).toEqual([name, dtype, wanted!.get(name)!.shape]);
      const [a, b] = [toFloat32(await readTensor(stored)), toFloat32(await readTensor(wanted!.get(name)!))];
      expect([name, a.every((value, i) => Math.abs(value - b[i]!) <= halfStep * Math.abs(b[i]!) + 2 ** -25)]).toEqual([
        name,
        true,
      ]);
    }

    const inputs = {
      input_ids: new HostTensor("int64", [1, 3], BigInt64Array.of(0n, 5n, 2n)),
      pixel_values: new HostTensor("float32", [1, 3, 12, 12], new Float32Array(3 * 144).fill(0.5)),
    };
    const logits: number[][] = [];
    for (const folder of [out, exact]) {
      const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(folder);
      logits.push(Array.from((await model.forward(inputs)).logits.data, Number));
      await model.dispose();
    }
    const tolerance = { float32: 1e-6, float16: 1e-2, bfloat16: 5e-2 }[dtype];
    expect(Math.abs(logits[0]![0]! - logits[1]![0]!)).toBeLessThan(tolerance);
  },
);

test("halves to float32 and back are the same bytes; config.json names the type if it named one", async () => {
  const folder = await temporaryFolder();
  const [typed, wide, back] = ["typed", "wide", "back"].map((name) => join(folder, name)) as [string, string, string];
  await cp(packaged, typed, { recursive: true });
  const fields = await json(join(typed, "config.json"));
  await writeFile(join(typed, "config.json"), JSON.stringify({ ...fields, torch_dtype: "float16" }));
  const { config } = await convertCheckpoint(typed, wide, { dtype: "float32" });
  expect(config).toHaveProperty("torch_dtype", "float32");
  await convertCheckpoint(wide, back, { dtype: "float16" });
  expect(await json(join(back, "config.json"))).toHaveProperty("torch_dtype", "float16");
  const plain = join(folder, "plain");
  await convertCheckpoint(packaged, plain, { dtype: "float16" });
  const files = [back, plain].map((path) => readFile(join(path, "model.safetensors")));
  const [a, b] = await Promise.all(files);
  expect(a!.equals(b!)).toBe(true);
});

test("a weight too large for the type is named, and no folder is left", async () => {
  const folder = await temporaryFolder();
  const source = join(folder, "large.safetensors");
  const whole = join(folder, "whole");
  await convertCheckpoint(packaged, whole, { dtype: "float32" });
  const stored: Map<string, WritableTensor> = new Map(await readSafetensors(join(whole, "model.safetensors")));
  stored.set("itm_score.fc.bias", new HostTensor("float32", [2], Float32Array.of(1, 70000)));
  await writeSafetensors(source, stored);
  const out = join(folder, "out");
  expect(
    await complaint(folder, convertCheckpoint(source, out, { dtype: "float16", config: packaged })),
  ).toMatchInlineSnapshot(
    `"itm_score.fc.bias in large.safetensors: expected values that float16 can hold, up to ±65504, found 70000 at element 1. Choose bfloat16 or float32, which reach further."`,
  );
  expect((await readdir(folder)).sort()).toEqual(["large.safetensors", "whole"]);
  await convertCheckpoint(source, out, { dtype: "bfloat16", config: packaged });
});

test("a config for larger images resizes the positions", async () => {
  const folder = await temporaryFolder();
  const config = join(folder, "given.json");
  await writeFile(config, JSON.stringify({ vision_config: { image_size: 20 } }));
  const out = join(folder, "out");
  const { derived } = await convertCheckpoint(lightning, out, { config });
  expect(derived.map(({ how }) => how)).toContain("resized from 3 × 3 to 5 × 5 patches");
  const written = await readSafetensors(join(out, "model.safetensors"));
  const name = "bridgetower.vision_model.visual.embeddings.position_embedding.weight";
  expect(written.get(name)!.shape).toEqual([26, 64]);
});

test("files that cannot be converted are refused in one line, and no output remains", async () => {
  const folder = await temporaryFolder();
  const out = join(folder, "out");
  const { clip } = await fixtureJson<{ clip: { names: Record<string, number[]> } }>("towers.json");
  const bytes = await readFile(lightning);
  const truncated = join(folder, "truncated.ckpt");
  await writeFile(truncated, bytes.subarray(0, 9000));
  const other = join(folder, "other.json");
  await writeFile(other, JSON.stringify({ text_config: { intermediate_size: 13 } }));
  const incomplete = join(folder, "incomplete.safetensors");
  const stored = await readSafetensors(join(packaged, "model.safetensors"));
  await writeSafetensors(incomplete, new Map([...stored].filter(([name]) => !name.includes("image_layers.1.output"))));
  const messages = [
    await complaint(folder, convertCheckpoint(await fileOf(clip.names), out)),
    await complaint(folder, convertCheckpoint(truncated, out)),
    await complaint(folder, convertCheckpoint(incomplete, out)),
    await complaint(folder, convertCheckpoint(lightning, out, { config: other })),
    await complaint(folder, convertCheckpoint(lightning, out, { config: join(folder, "no.json") })),
    await complaint(folder, convertCheckpoint(lightning, out, { tokenizer: fixtures })),
    await complaint(folder, convertCheckpoint("nowhere", out)),
  ];
  expect(messages.map((message) => message.replace(/^.*start\.safetensors/, "start.safetensors")))
    .toMatchInlineSnapshot(`
      [
        "start.safetensors: expected the weights of a whole BridgeTower, found CLIP alone. A tower alone can only start a training run: use a BridgeTower checkpoint.",
        "truncated.ckpt: expected a zip directory at its end, found none. Download or copy the file again: it was cut short or damaged.",
        "incomplete.safetensors: expected all weights of a BridgeTower of this config, found 4 missing (cross_modal_image_layers.1.output.dense.weight, cross_modal_image_layers.1.output.dense.bias, cross_modal_image_layers.1.output.LayerNorm.weight, cross_modal_image_layers.1.output.LayerNorm.bias). Download the file again, or give the config.json that belongs to it.",
        "fixtures/lightning.ckpt: expected floating-point tensors of the shapes that the config asks for, found 15 others: text_model.encoder.layer.0.intermediate.dense.weight [12, 8] for [13, 8]; text_model.encoder.layer.0.intermediate.dense.bias [12] for [13]; text_model.encoder.layer.0.output.dense.weight [8, 12] for [8, 13]; cross_modal_text_layers.0.intermediate.dense.weight [12, 8] for [13, 8]; cross_modal_text_layers.0.intermediate.dense.bias [12] for [13]; cross_modal_text_layers.0.output.dense.weight [8, 12] for [8, 13]; cross_modal_image_layers.0.intermediate.dense.weight [12, 8] for [13, 8]; cross_modal_image_layers.0.intermediate.dense.bias [12] for [13]; cross_modal_image_layers.0.output.dense.weight [8, 12] for [8, 13]; cross_modal_text_layers.1.intermediate.dense.weight [12, 8] for [13, 8]; cross_modal_text_layers.1.intermediate.dense.bias [12] for [13]; cross_modal_text_layers.1.output.dense.weight [8, 12] for [8, 13] and 3 more. Make config.json agree with the starting point, or start from another one.",
        "no.json: expected a config.json, found no such file. Check the path.",
        "fixtures: expected a tokenizer: tokenizer.json, or vocab.json and merges.txt, found neither. Pass a folder or id that has one.",
        "nowhere: expected a model folder, or a hub id such as BridgeTower/bridgetower-base, found no such folder. Check the path.",
      ]
    `);
  expect((await readdir(folder)).sort()).toEqual(["incomplete.safetensors", "other.json", "truncated.ckpt"]);
});

test("files in an output folder are replaced, others stay; a folder in place of a file is refused first", async () => {
  const out = await temporaryFolder();
  await writeFile(join(out, "config.json"), "{}");
  await writeFile(join(out, "notes.txt"), "mine");
  await convertCheckpoint(lightning, out);
  expect((await readdir(out)).sort()).toEqual([
    "config.json",
    "model.safetensors",
    "notes.txt",
    "preprocessor_config.json",
  ]);
  expect(await json(join(out, "config.json"))).toHaveProperty("model_type", "bridgetower");

  const blocked = await temporaryFolder();
  await mkdir(join(blocked, "config.json"));
  expect(await complaint(blocked, convertCheckpoint(lightning, blocked))).toMatchInlineSnapshot(
    `"config.json: expected a file to write, found a folder. Choose another output folder."`,
  );
  expect(await readdir(blocked)).toEqual(["config.json"]);
});

test("a folder keeps its own config, image settings and tokenizer; those that are named go before them", async () => {
  const out = join(await temporaryFolder(), "model");
  await convertCheckpoint(packaged, out);
  const own = await json(join(packaged, "config.json"));
  const converted = await json(join(out, "config.json"));
  expect(converted).toMatchObject(own);
  for (const name of ["tokenizer.json", "preprocessor_config.json", "answers.json"]) {
    expect(await readFile(join(out, name)), name).toEqual(await readFile(join(packaged, name)));
  }
  const changed = join(await temporaryFolder(), "changed.json");
  await writeFile(changed, JSON.stringify({ vision_config: { image_size: 120 } }));
  await convertCheckpoint(packaged, out, { config: changed });
  expect((await json(join(out, "config.json"))).vision_config).toMatchObject({ image_size: 120, patch_size: 16 });
  expect(await json(join(out, "preprocessor_config.json"))).toMatchObject({ size: { shortest_edge: 120 } });
});
