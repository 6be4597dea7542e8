import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { writeSafetensors } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { float32, fixtures, temporaryFolder, valuesIn } from "./conversion-files.test-support.js";
import { openStart } from "./index.js";

const lightning = join(fixtures, "lightning.ckpt");
const openai = join(fixtures, "openai.pt");

async function complaint(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  if (error instanceof InputError) return error.message;
  throw new Error("expected an InputError", { cause: error });
}

test("a Lightning checkpoint: the authors' names, each with its own values", async () => {
  const start = await openStart(lightning);
  expect(start.layout).toBe("original");
  expect(start.surplus).toEqual(["confusion.total"]);
  expect(start.rules.filter(({ to }) => to === undefined)).toEqual([
    { from: "vit_model.positional_embedding", tensors: 1 },
    { from: "vit_model.ln_final.*", tensors: 2 },
    { from: "text_transformer.embeddings.position_ids", tensors: 1 },
  ]);
  for (const [name, { shape }] of start.tensors) {
    if (name === "temperature") continue;
    const expected = tinyWeight(name, shape);
    const found = await valuesIn(start, name);
    // The widest ones are stored in half precision.
    const tolerance = start.tensors.get(name)!.parts[0]!.dtype === "float16" ? 1e-3 : 0;
    const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
    expect([name, worst <= tolerance]).toEqual([name, true]);
  }
  expect(await valuesIn(start, "temperature")).toEqual([Math.fround(0.05)]);
});

test("nothing in a Lightning checkpoint is run", async () => {
  expect((await readFile(lightning)).includes("echo executed")).toBe(true);
  await openStart(lightning);
  await expect(access("executed-by-pickle")).rejects.toThrow();
});

test("OpenAI's archive: the vision half in half precision, without its projection and the text half", async () => {
  const start = await openStart(openai);
  expect([start.layout, start.surplus]).toEqual(["openai-clip", []]);
  const found = [...start.tensors].map(
    ([name, { shape }]) => `${name.replace("vision_model.visual.", "")} [${shape.join()}]`,
  );
  expect(found.sort()).toEqual([
    "embeddings.class_embedding [8]",
    "embeddings.patch_embedding.weight [8,3,4,4]",
    "embeddings.position_embedding.weight [10,8]",
    "ln_post.bias [8]",
    "ln_post.weight [8]",
    "ln_pre.bias [8]",
    "ln_pre.weight [8]",
    "transformer.resblocks.0.attn.in_proj_bias [24]",
    "transformer.resblocks.0.attn.in_proj_weight [24,8]",
    "transformer.resblocks.0.attn.out_proj.bias [8]",
    "transformer.resblocks.0.attn.out_proj.weight [8,8]",
    "transformer.resblocks.0.ln_1.bias [8]",
    "transformer.resblocks.0.ln_1.weight [8]",
    "transformer.resblocks.0.ln_2.bias [8]",
    "transformer.resblocks.0.ln_2.weight [8]",
    "transformer.resblocks.0.mlp.c_fc.bias [32]",
    "transformer.resblocks.0.mlp.c_fc.weight [32,8]",
    "transformer.resblocks.0.mlp.c_proj.bias [8]",
    "transformer.resblocks.0.mlp.c_proj.weight [8,32]",
  ]);
  const name = "vision_model.visual.transformer.resblocks.0.attn.in_proj_weight";
  const expected = tinyWeight("visual.transformer.resblocks.0.attn.in_proj_weight", [24, 8]);
  const values = await valuesIn(start, name);
  expect(Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-3);
});

test("a folder, with and without the prefix of head classes; buffers are dropped", async () => {
  const folder = await temporaryFolder();
  const tensors = new Map([
    ["bridgetower.vision_model.visual.ln_pre.weight", float32([2], 1, 2)],
    ["vision_model.visual.ln_pre.bias", float32([2], 3, 4)],
    ["bridgetower.text_model.embeddings.position_ids", new HostTensor("int64", [1], BigInt64Array.of(0n))],
    ["itm_score.fc.bias", new HostTensor("bfloat16", [2], Uint16Array.of(0x3f80, 0xc000))],
    ["classifier.weight", float32([1], 0)],
  ]);
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  const start = await openStart(folder);
  expect(start.layout).toBe("bridgetower");
  expect([...start.tensors.keys()]).toEqual([
    "vision_model.visual.ln_pre.weight",
    "vision_model.visual.ln_pre.bias",
    "itm_score.fc.bias",
  ]);
  expect(await valuesIn(start, "itm_score.fc.bias")).toEqual([1, -2]);
  expect(start.surplus).toEqual(["classifier.weight"]);
});

test("files that are no starting point are refused in one line", async () => {
  const folder = await temporaryFolder();
  const bytes = await readFile(lightning);
  const file = async (name: string, content: Uint8Array | string) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const safetensors = async (name: string, tensors: Record<string, HostTensor>) => {
    const path = join(folder, name);
    await writeSafetensors(path, new Map(Object.entries(tensors)));
    return path;
  };
  await mkdir(join(folder, "empty"));
  const block = "embeddings.class_embedding";
  const projection = "encoder.layers.0.self_attn";
  const half = await safetensors("half.safetensors", {
    [block]: float32([1], 0),
    [`${projection}.q_proj.bias`]: float32([1], 0),
    [`${projection}.v_proj.bias`]: float32([1], 0),
  });
  const names = [
    join(folder, "no.ckpt"),
    join(folder, "empty"),
    await file("truncated.ckpt", bytes.subarray(0, 5000)),
    await file("page.ckpt", "<!doctype html>"),
    await safetensors("other.safetensors", { "resnet.conv1.weight": float32([1], 0) }),
    half,
    await safetensors("twice.safetensors", {
      "bridgetower.cross_modal_text_layers.0.x": float32([1], 0),
      "cross_modal_text_layers.0.x": float32([1], 0),
    }),
    join(import.meta.dirname, "../checkpoint/fixtures/command.bin"),
    join(import.meta.dirname, "../checkpoint/fixtures/unknown-global.bin"),
    await file("bare.ckpt", Uint8Array.of(0x80, 2, 0x4e, 0x2e)),
  ];
  const messages: string[] = [];
  for (const name of names) messages.push(await complaint(openStart(name)));
  const shown = messages.map((message) => message.replace(/^.*?([\w-]+\.?\w*: expected)/, "$1"));
  expect(shown).toMatchInlineSnapshot(`
    [
      "no.ckpt: expected a checkpoint file, a model folder or a hub id, found no such file. Check the path.",
      "empty: expected one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, found none of them. Point to the folder that holds config.json and the weights.",
      "truncated.ckpt: expected a zip directory at its end, found none. Download or copy the file again: it was cut short or damaged.",
      "page.ckpt: expected a file written by torch.save, found other bytes. Save it again with a recent torch.save, or better as safetensors.",
      "other.safetensors: expected tensors of a checkpoint of the authors' training code, or of a BridgeTower checkpoint in Hugging Face layout, or of CLIP with OpenAI's names, or of CLIP in Hugging Face layout, or of RoBERTa in Hugging Face layout, found other names, such as resnet.conv1.weight. Pass a file or folder with one of these.",
      "attn.in_proj_bias: expected query, key and value of one width, found encoder.layers.0.self_attn.q_proj.bias [1], encoder.layers.0.self_attn.v_proj.bias [1]. Download the file again.",
      "0.x: expected one tensor, found bridgetower.cross_modal_text_layers.0.x [1], cross_modal_text_layers.0.x [1]. Download the file again.",
      "command.bin: expected tensors of a checkpoint of the authors' training code, or of a BridgeTower checkpoint in Hugging Face layout, or of CLIP with OpenAI's names, or of CLIP in Hugging Face layout, or of RoBERTa in Hugging Face layout, found other names, such as weight. Pass a file or folder with one of these.",
      "unknown-global.bin: expected a dict from parameter name to tensor, found an object of somebody.elses.Custom under weight. Save the model's state_dict() with torch.save, preferably as safetensors; nothing in this file was run.",
      "bare.ckpt: expected a file written by torch.save, found a bare pickle. Save it again with a recent torch.save, or better as safetensors.",
    ]
  `);
});
