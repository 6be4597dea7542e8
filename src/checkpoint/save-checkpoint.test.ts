import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSafetensors, readTensor } from "./index.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { processorFiles, saveCheckpoint, tokenizerFiles } from "./save-checkpoint.js";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-save-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const vector = (...values: number[]) => new HostTensor("float32", [values.length], Float32Array.from(values));

test("weights under the names of head classes, config, documents and copied files", async () => {
  const folder = join(await temporaryFolder(), "a", "b");
  const names = ["text_gate.bias", "itm_score.fc.bias", "rank_output.bias", "temperature", "cross_modal_text_pooler.x"];
  const written = await saveCheckpoint(folder, {
    config: { model_type: "bridgetower", logit_scale_init_value: undefined },
    parameters: new Map(names.map((name, i) => [name, vector(i)])),
    documents: { "notes.json": { step: 3 } },
    files: await tokenizerFiles("models/emoji"),
  });
  expect(written.map((path) => path.slice(folder.length + 1))).toEqual([
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "notes.json",
    "config.json",
  ]);
  expect((await readdir(folder)).sort()).toEqual(written.map((path) => path.slice(folder.length + 1)).sort());
  const tensors = await readSafetensors(join(folder, "model.safetensors"));
  expect([...tensors.keys()]).toEqual([
    "bridgetower.text_gate.bias",
    "itm_score.fc.bias",
    "rank_output.bias",
    "temperature",
    "bridgetower.cross_modal_text_pooler.x",
  ]);
  expect((await readTensor(tensors.get("temperature")!)).toArray()).toEqual([3]);
  expect(await readFile(join(folder, "config.json"), "utf8")).toBe('{\n  "model_type": "bridgetower"\n}\n');
  expect(await readFile(join(folder, "tokenizer.json"))).toEqual(await readFile("models/emoji/tokenizer.json"));
});

test("finds the files that go with a model", async () => {
  const files = await processorFiles("models/emoji");
  expect([...files.keys()]).toEqual([
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "answers.json",
  ]);
  expect((await processorFiles("nowhere")).size).toBe(0);
});

test("a checkpoint can be saved over itself, from its own weights", async () => {
  const folder = await temporaryFolder();
  await saveCheckpoint(folder, { config: {}, parameters: new Map([["temperature", vector(1, 2)]]) });
  const stored = await readSafetensors(join(folder, "model.safetensors"));
  await saveCheckpoint(folder, { config: { again: true }, parameters: stored, files: await processorFiles(folder) });
  const again = await readSafetensors(join(folder, "model.safetensors"));
  expect((await readTensor(again.get("temperature")!)).toArray()).toEqual([1, 2]);
});

test("files of another model are removed, other files stay", async () => {
  const folder = await temporaryFolder();
  for (const name of ["tokenizer.json", "answers.json", "config.json", "README.md", "pytorch_model.bin"])
    await writeFile(join(folder, name), "old");
  const source = await temporaryFolder();
  for (const name of ["vocab.json", "merges.txt"]) await writeFile(join(source, name), "new");
  const parameters = new Map([["temperature", vector(1)]]);
  await saveCheckpoint(folder, { config: {}, parameters, files: await processorFiles(source) });
  expect((await readdir(folder)).sort()).toEqual(
    ["README.md", "config.json", "merges.txt", "model.safetensors", "pytorch_model.bin", "vocab.json"].sort(),
  );
});

test("a failure while the files are moved into place restores the old ones", async () => {
  const folder = await temporaryFolder();
  const old = { config: { old: true }, parameters: new Map([["temperature", vector(1)]]) };
  await saveCheckpoint(folder, { ...old, documents: { "answers.json": ["yes"] } });
  const contents = async () =>
    Object.fromEntries(
      await Promise.all((await readdir(folder)).map(async (name) => [name, await readFile(join(folder, name), "hex")])),
    ) as Record<string, string>;
  const before = await contents();
  // A folder appears in the place of a file after the first check.
  const late = {
    dtype: "float32" as const,
    shape: [1],
    data: async function* () {
      await mkdir(join(folder, "notes.json", "x"), { recursive: true });
      yield new Uint8Array(4);
    },
  };
  const next = { config: {}, parameters: new Map([["temperature", late]]), documents: { "notes.json": {} } };
  await expect(saveCheckpoint(folder, next)).rejects.toThrow();
  await rm(join(folder, "notes.json"), { recursive: true });
  expect(await contents()).toEqual(before);
});

test("a failure leaves an old checkpoint unchanged, and no new folder", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), "old");
  const failing = {
    dtype: "float32" as const,
    shape: [2],
    // eslint-disable-next-line @typescript-eslint/require-await
    data: async function* () {
      yield new Uint8Array(4);
      throw new Error("the worker has gone");
    },
  };
  const parameters = new Map([["temperature", failing]]);
  await expect(saveCheckpoint(folder, { config: {}, parameters })).rejects.toThrow("the worker has gone");
  expect(await readdir(folder)).toEqual(["config.json"]);
  expect(await readFile(join(folder, "config.json"), "utf8")).toBe("old");
  const fresh = join(folder, "fresh");
  await expect(saveCheckpoint(fresh, { config: {}, parameters })).rejects.toThrow("the worker has gone");
  expect(await readdir(folder)).toEqual(["config.json"]);
});

test("a file in the place of the folder", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "file");
  await writeFile(path, "");
  const error: unknown = await saveCheckpoint(path, { config: {}, parameters: new Map() }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
});

// The superuser may write anywhere.
test.skipIf(process.getuid?.() === 0)("a folder that this user may not write to", async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o555);
  const error: unknown = await saveCheckpoint(folder, { config: {}, parameters: new Map() }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
});
