/** Checkpoints as training programs and old libraries write them: in `convert`, as a model and as a start of training alike. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readSafetensors, readTensor, writeSafetensors } from "../checkpoint/index.js";
import { legacyTorchFile, torchFile, type TorchContent } from "../checkpoint/torch-file.test-support.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { BridgeTowerForMaskedLM, BridgeTowerModel } from "../inference/index.js";
import { tinyCheckpoint, tinyConfig } from "../inference/tiny-checkpoint.test-support.js";
import { temporaryFolder } from "./conversion-files.test-support.js";
import { convertCheckpoint, openStart, startingConfig } from "./index.js";

type Tensors = Readonly<Record<string, HostTensor>>;

const inputs = {
  input_ids: new HostTensor("int64", [1, 3], BigInt64Array.of(0n, 5n, 2n)),
  pixel_values: new HostTensor("float32", [1, 3, 32, 32], new Float32Array(3 * 32 * 32).fill(0.5)),
};

/** A model folder and the tensors of its weights. */
async function tiny(): Promise<{ readonly folder: string; readonly tensors: Tensors }> {
  const folder = await tinyCheckpoint();
  const stored = await readSafetensors(join(folder, "model.safetensors"));
  const entries = [...stored].map(async ([name, tensor]) => [name, await readTensor(tensor)] as const);
  return { folder, tensors: Object.fromEntries(await Promise.all(entries)) };
}

const mapNames = (tensors: Tensors, change: (name: string) => string): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [change(name), tensor]));

/** Puts other weights into a model folder, and gives the warnings of the three ways that read them. */
async function readEverywhere(
  { folder, tensors }: Awaited<ReturnType<typeof tiny>>,
  file: "model.safetensors" | "pytorch_model.bin",
  content: Tensors | Uint8Array,
): Promise<string[]> {
  await rm(join(folder, "model.safetensors"), { force: true });
  const path = join(folder, file);
  if (content instanceof Uint8Array) await writeFile(path, content);
  else await writeSafetensors(path, new Map(Object.entries(content)));
  const warnings: string[][] = [];
  const listen = () => {
    const list: string[] = [];
    warnings.push(list);
    return { onWarning: (message: string) => void list.push(message.replace(`${folder}/`, "")) };
  };
  const out = join(await temporaryFolder(), "out");
  const { surplus } = await convertCheckpoint(folder, out, listen());
  expect(surplus).toEqual([]);
  expect([...(await readSafetensors(join(out, "model.safetensors"))).keys()].sort()).toEqual(
    Object.keys(tensors).sort(),
  );
  const alone = listen();
  const start = await openStart(path, alone);
  const bare = (name: string) => name.replace(/^bridgetower\./, "");
  expect([...start.tensors.keys()].sort()).toEqual(Object.keys(tensors).map(bare).sort());
  for (const [name, tensor] of Object.entries(tensors)) {
    const values = await readTensor(start.tensors.get(bare(name))!.parts[0]!);
    expect([name, values.toArray()]).toEqual([name, tensor.toArray()]);
  }
  const model = await BridgeTowerModel.fromPretrained(folder, listen());
  await model.dispose();
  const [first, ...others] = warnings;
  expect(others).toEqual(others.map(() => first));
  return first!;
}

test.each([
  ["model.", "removed the prefix model. from"],
  ["module.", "removed the prefix module. from"],
  ["_orig_mod.", "removed _orig_mod from"],
  ["bridge_model.", "removed the prefix bridge_model. from"],
  ["module.model.", "removed the prefix module.model. from"],
  ["_orig_mod.module.", "removed the prefix module. from"],
  ["model._orig_mod.bridge.", "removed the prefix model.bridge. from"],
])("the prefix %s of all names is removed, with one warning", async (prefix, note) => {
  const model = await tiny();
  const renamed = mapNames(model.tensors, (name) => prefix + name);
  const warnings = await readEverywhere(model, "model.safetensors", renamed);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`model.safetensors: removed`);
  expect(warnings[0]).toContain(`${note} ${Object.keys(renamed).length} names`);
});

test("modules of torch.compile inside the names are removed", async () => {
  const model = await tiny();
  const renamed = mapNames(model.tensors, (name) => name.replace("vision_model.", "vision_model._orig_mod."));
  const [warning] = await readEverywhere(model, "model.safetensors", renamed);
  expect(warning).toMatch(/^model\.safetensors: removed _orig_mod from \d+ names$/);
});

test("LayerNorm.gamma and LayerNorm.beta of old libraries are its weight and bias", async () => {
  const model = await tiny();
  const renamed = mapNames(model.tensors, (name) =>
    name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta"),
  );
  const count = Object.keys(renamed).filter((name) => /LayerNorm\.(gamma|beta)$/.test(name)).length;
  expect(await readEverywhere(model, "model.safetensors", renamed)).toEqual([
    `model.safetensors: read gamma and beta of LayerNorm as weight and bias in ${count} names`,
  ]);
});

test.each<[string, (weights: Tensors) => TorchContent, string]>([
  ["model", (model) => ({ model, epoch: 1 }), "read the weights under model; left out epoch"],
  ["module", (module) => ({ module, optimizer: null }), "read the weights under module; left out optimizer"],
  [
    "model_state_dict",
    (dict) => ({ model_state_dict: dict, loss: 3 }),
    "read the weights under model_state_dict; left out loss",
  ],
  [
    "state_dict beside an average of the weights",
    (dict) => ({ ema: dict, state_dict: dict }),
    "read the weights under state_dict; left out ema",
  ],
  ["another name", (dict) => ({ step: 4, weights: dict }), "read the weights under weights; left out step"],
  [
    "two dicts",
    (dict) => ({ checkpoint: { model: dict, epoch: 2 } }),
    "read the weights under checkpoint.model; left out epoch",
  ],
  [
    "no other dict, with entries that are not tensors",
    (dict) => ({ ...dict, "text_model.encoder.layer.0._extra_state": null, global_step: 12 }),
    "left out entries that are not tensors: text_model.encoder.layer.0._extra_state, global_step",
  ],
])("a state dict inside torch.save under %s", async (_, content, note) => {
  const model = await tiny();
  const warnings = await readEverywhere(model, "pytorch_model.bin", torchFile(content(model.tensors)));
  expect(warnings).toEqual([`pytorch_model.bin: ${note}`]);
});

test("the format of torch.save before torch 1.6", async () => {
  const model = await tiny();
  expect(await readEverywhere(model, "pytorch_model.bin", legacyTorchFile(model.tensors))).toEqual([]);
});

test("several models in a file are refused by their names", async () => {
  const { tensors } = await tiny();
  const path = join(await temporaryFolder(), "x.pt");
  const message = async (content: TorchContent) => {
    await writeFile(path, torchFile(content));
    const error: unknown = await openStart(path).catch((reason: unknown) => reason);
    if (!(error instanceof InputError)) throw new Error("expected an InputError", { cause: error });
    return error.message.replace(/^.*x\.pt/, "x.pt");
  };
  const names = (prefix: string) => mapNames(tensors, (name) => prefix + name);
  expect([
    await message({ student: tensors, teacher: tensors }),
    await message({ ...names("student."), ...names("teacher.") }),
  ]).toMatchInlineSnapshot(`
    [
      "x.pt: expected one dict from parameter name to tensor, found several: student, teacher. Save the one that you mean with torch.save, preferably as safetensors.",
      "x.pt: expected the weights of one model, found several: student, teacher. Save the state_dict() of the one that you mean.",
    ]
  `);
});

test("an index with a byte order mark, which names an entry that is no tensor", async () => {
  const { folder, tensors } = await tiny();
  await rm(join(folder, "model.safetensors"));
  const names = [...Object.keys(tensors), "global_step"];
  await writeFile(join(folder, "shard.bin"), torchFile({ ...tensors, global_step: 3 }));
  const weight_map = Object.fromEntries(names.map((name) => [name, "shard.bin"]));
  const index = "\ufeff" + JSON.stringify({ metadata: {}, weight_map });
  await writeFile(join(folder, "pytorch_model.bin.index.json"), index);
  const warnings: string[] = [];
  const start = await openStart(folder, { onWarning: (message) => warnings.push(message.replace(`${folder}/`, "")) });
  expect(start.tensors.size).toBe(Object.keys(tensors).length);
  expect(warnings).toEqual(["pytorch_model.bin.index.json: left out entries that are not tensors: global_step"]);
});

test.each([
  ["DeepSpeed", ["checkpoint/mp_rank_00_model_states.pt", "latest"]],
  ["DeepSpeed", ["mp_rank_00_model_states.pt"]],
  ["torch.distributed.checkpoint", [".metadata", "__0_0.distcp"]],
  ["torch.distributed.checkpoint", ["pytorch_model_fsdp_0/.metadata", "optimizer.bin"]],
])("a checkpoint of %s in parts from several processes: how to merge it", async (program, files) => {
  const folder = join(await temporaryFolder(), "e1.ckpt");
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), "");
  }
  const actions = [
    convertCheckpoint(folder, `${folder}-out`),
    openStart(folder),
    BridgeTowerModel.fromPretrained(folder),
  ];
  const messages: unknown[] = await Promise.all(actions.map((action) => action.catch((error: unknown) => error)));
  for (const error of messages) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).found).toBe(`a checkpoint of ${program}, in parts from several processes`);
    expect((error as InputError).hint).toMatch(/^Merge it and name the result: run python .*e1\.ckpt/);
  }
});

/** The error of a model folder in each of the ways that read it: all have the same fields. */
async function refusal(folder: string): Promise<InputError> {
  const actions = [() => convertCheckpoint(folder, `${folder}-out`), () => openStart(folder)];
  actions.push(() => BridgeTowerModel.fromPretrained(folder) as Promise<never>);
  const errors: unknown[] = [];
  for (const action of actions) errors.push(await action().catch((error: unknown) => error));
  const [first, ...others] = errors.map((error) => (error as InputError).message);
  expect(others).toEqual([first, first]);
  return errors[0] as InputError;
}

test.each<[files: string[], found: string, hint: RegExp]>([
  [["adapter_model.safetensors", "adapter_config.json"], "adapter_config.json of a PEFT adapter, which has only changes to the weights of another model", /merge_and_unload/], // prettier-ignore
  [["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], "shards (model-00001-of-00002.safetensors, model-00002-of-00002.safetensors) without their index", /model\.safetensors\.index\.json, too/], // prettier-ignore
  [["pytorch_model_fsdp.bin", "optimizer.bin", "scheduler.pt"], "pytorch_model_fsdp.bin", /rename it to pytorch_model\.bin, or run bridgetower convert .*pytorch_model_fsdp\.bin out/], // prettier-ignore
  [["best.ckpt"], "best.ckpt", /rename it to pytorch_model\.bin/],
  [["consolidated.safetensors"], "consolidated.safetensors", /rename it to model\.safetensors/],
  [["tf_model.h5", "flax_model.msgpack"], "weights in a format of other programs (flax_model.msgpack, tf_model.h5)", /save_pretrained/], // prettier-ignore
])("a folder with %j in place of weights", async (files, found, hint) => {
  const folder = await tinyCheckpoint();
  await rm(join(folder, "model.safetensors"));
  for (const file of files) await writeFile(join(folder, file), "");
  const error = await refusal(folder);
  expect(error).toMatchObject({ code: "unsupported-format", where: folder, found });
  expect(error.hint).toMatch(hint);
});

test("quantized weights are refused, in one file and in shards, and buffers of whole numbers are not", async () => {
  const { folder, tensors } = await tiny();
  const name = "bridgetower.text_model.encoder.layer.0.attention.self.query.weight";
  const { shape } = tensors[name]!;
  const buffer = new HostTensor("int64", [1], BigInt64Array.of(0n));
  const withBuffer = { ...tensors, "bridgetower.text_model.embeddings.position_ids": buffer };
  const path = join(folder, "model.safetensors");
  await writeSafetensors(path, new Map(Object.entries(withBuffer)));
  await (await BridgeTowerModel.fromPretrained(folder)).dispose();
  const scale = new HostTensor("float32", [1], Float32Array.of(1));
  const quantized = { ...withBuffer, [name]: HostTensor.zeros("int8", shape), [name.replace("weight", "SCB")]: scale };
  await writeSafetensors(path, new Map(Object.entries(quantized)));
  const problem = { code: "unsupported-format", found: `${name} in int8: a quantized model` };
  expect(await refusal(folder)).toMatchObject({ ...problem, where: path });
  await expect(openStart(path)).rejects.toMatchObject(problem);
  await rename(path, join(folder, "shard.safetensors"));
  const weight_map = Object.fromEntries(Object.keys(quantized).map((key) => [key, "shard.safetensors"]));
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  expect(await refusal(folder)).toMatchObject(problem);
});

test("an adapter in the weights that is not merged with them is refused", async () => {
  const { folder, tensors } = await tiny();
  const adapter = "base_model.model.bridgetower.text_model.encoder.layer.0.attention.self.query.lora_A.default.weight";
  const both = { ...tensors, [adapter]: new HostTensor("float32", [1], Float32Array.of(1)) };
  await writeSafetensors(join(folder, "model.safetensors"), new Map(Object.entries(both)));
  expect((await refusal(folder)).found).toBe(`an adapter that is not merged with them (${adapter})`);
});

test.each([
  ["another decoder", true],
  ["the word embeddings as decoder", false],
])("tie_word_embeddings: true and %s in the file", async (_, isOther) => {
  const name = "mlm_score.decoder.weight";
  const folder = await tinyCheckpoint({
    edit: (weights) => {
      if (!isOther) weights.set(name, weights.get("text_model.embeddings.word_embeddings.weight")!);
    },
  });
  const untied = await BridgeTowerForMaskedLM.fromPretrained(folder);
  const expected = (await untied.forward(inputs)).logits.toArray();
  await untied.dispose();
  const path = join(folder, "config.json");
  await writeFile(path, JSON.stringify({ ...tinyConfig(), tie_word_embeddings: true }));

  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message.replace(`${folder}/`, ""));
  const model = await BridgeTowerForMaskedLM.fromPretrained(folder, { onWarning });
  expect((await model.forward(inputs)).logits.toArray()).toEqual(expected);
  await model.dispose();
  const out = join(await temporaryFolder(), "out");
  const { config } = await convertCheckpoint(folder, out, { onWarning });
  expect(config.tie_word_embeddings).toBe(!isOther);
  const written = await readSafetensors(join(out, "model.safetensors"));
  expect(written.has(name)).toBe(isOther);
  const start = await openStart(folder);
  expect((await startingConfig([start], {}, { onWarning })).tie_word_embeddings).toBe(!isOther);
  const warning =
    "model.safetensors: used mlm_score.decoder.weight of the file, which differs from the word embeddings although " +
    "tie_word_embeddings is true in config.json";
  expect(warnings).toEqual(isOther ? [warning, warning, warning] : []);
});
