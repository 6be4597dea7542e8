import { execFileSync } from "node:child_process";
import { copyFile, cp, mkdir, open, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { HostTensor } from "../graph/host-tensor.js";
import { openCheckpoint } from "./checkpoint.js";
import { complaint, fixtures, safetensorsBytes, temporaryFolder } from "./checkpoint-files.test-support.js";
import { writeSafetensors } from "./write-safetensors.js";

const small = new HostTensor("float32", [1], Float32Array.of(1));
const write = (folder: string, file: string, ...names: string[]) =>
  writeSafetensors(join(folder, file), new Map(names.map((name) => [name, small])));
const index = (weight_map: unknown) => JSON.stringify({ metadata: {}, weight_map });

test("safetensors come before torch files, one file before several", async () => {
  const folder = await temporaryFolder();
  const names = async () => [...(await openCheckpoint(folder)).tensors.keys()];
  await cp(join(fixtures, "sharded"), folder, { recursive: true });
  expect(await names()).toEqual(["first.weight", "second.weight", "third.bias"]);
  await copyFile(join(fixtures, "module.bin"), join(folder, "pytorch_model.bin"));
  expect(await names()).toContain("0.weight");
  await write(folder, "shard-1.safetensors", "a", "b");
  await writeFile(join(folder, "model.safetensors.index.json"), index({ b: "shard-1.safetensors" }));
  expect(await names()).toEqual(["b"]);
  await write(folder, "model.safetensors", "whole");
  const checkpoint = await openCheckpoint(folder);
  expect([...checkpoint.tensors.keys()]).toEqual(["whole"]);
  expect(checkpoint.source).toBe(join(folder, "model.safetensors"));
});

test("ranges name the real file behind the links of a cache", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "snapshot"));
  await write(folder, "blob", "a");
  await symlink("../blob", join(folder, "snapshot", "model.safetensors"));
  const { tensors } = await openCheckpoint(join(folder, "snapshot"));
  expect(tensors.get("a")!.data).toMatchObject({ path: await realpath(join(folder, "blob")) });
});

test("opening reads headers only: 3.5 GB of zeros that are not on the disk", async () => {
  const folder = await temporaryFolder();
  const length = 3_500_000_000;
  const entry = { dtype: "F32", shape: [length / 4], data_offsets: [0, length] };
  const header = safetensorsBytes({ a: entry }, 0);
  const handle = await open(join(folder, "model.safetensors"), "w");
  await handle.write(header);
  await handle.truncate(header.length + length);
  await handle.close();
  const before = process.memoryUsage().rss;
  const { tensors } = await openCheckpoint(folder);
  expect(tensors.get("a")!.shape).toEqual([length / 4]);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test.skipIf(process.platform === "win32")("a pipe in the place of weights is refused, not waited for", async () => {
  const folder = await temporaryFolder();
  execFileSync("mkfifo", [join(folder, "model.safetensors")]);
  expect(await complaint(folder, openCheckpoint(folder))).toBe(
    "model.safetensors: expected a file, found something that is not a regular file. Check the path.",
  );
});

test("all missing tensors of an index are named together", async () => {
  const folder = await temporaryFolder();
  await write(folder, "one.safetensors", "a");
  const map = { a: "one.safetensors", b: "one.safetensors", c: "two.safetensors", d: "three.safetensors" };
  await writeFile(join(folder, "model.safetensors.index.json"), index(map));
  expect(await complaint(folder, openCheckpoint(folder))).toMatchInlineSnapshot(
    `"model.safetensors.index.json: expected all files and tensors that the index names, found no b in one.safetensors, no file two.safetensors, no file three.safetensors. Download the whole checkpoint again."`,
  );
});

test.each([
  "../secret.safetensors",
  "/etc/passwd",
  "a/b.safetensors",
  "a\\b.safetensors",
  "C:b.safetensors",
  "..",
  ".",
  "",
  ".hidden",
  "a\0b",
  7,
])("an index cannot lead elsewhere: %j", async (shard) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "pytorch_model.bin.index.json"), index({ w: shard }));
  expect(await complaint(folder, openCheckpoint(folder))).toContain(
    "pytorch_model.bin.index.json: w: expected the name of a file beside the index, without a path, found",
  );
});

test.each(["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": "x", "a": "y"}}'])(
  "an index that is none: %s",
  async (text) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "model.safetensors.index.json"), text);
    expect(await complaint(folder, openCheckpoint(folder))).toContain("model.safetensors.index.json: expected a");
  },
);

test("no weights, no folder, a file for a folder, weights that are a folder", async () => {
  const folder = await temporaryFolder();
  const opened = (name: string) => complaint(folder, openCheckpoint(join(folder, name)));
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "file"), "");
  await mkdir(join(folder, "odd", "model.safetensors"), { recursive: true });
  expect(await opened("empty")).toBe(
    "empty: expected one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, " +
      "pytorch_model.bin.index.json, found none of them. Point to the folder that holds config.json and the weights.",
  );
  expect(await opened("missing")).toBe("missing: expected a model folder, found no such folder.");
  expect(await opened("file")).toBe("file: expected a model folder, found a file. Give the folder that holds it.");
  expect(await opened("odd")).toBe("odd/model.safetensors: expected a file, found a folder. Check the path.");
});

test("a trainer's file: its state dict, and what was left out", async () => {
  const folder = await temporaryFolder();
  await copyFile(join(fixtures, "trainer.bin"), join(folder, "pytorch_model.bin"));
  const { tensors, notes } = await openCheckpoint(folder);
  expect([...tensors.keys()]).toEqual(["weight"]);
  expect(notes).toEqual(["read the weights under state_dict", "left out epoch, lr, names"]);
});

test("a file without tensors instead of a state dict says what to save", async () => {
  const folder = await temporaryFolder();
  await copyFile(join(fixtures, "unknown-global.bin"), join(folder, "pytorch_model.bin"));
  expect(await complaint(folder, openCheckpoint(folder))).toMatchInlineSnapshot(
    `"pytorch_model.bin: expected a dict from parameter name to tensor, found an object of somebody.elses.Custom under weight. Save the model's state_dict() with torch.save, preferably as safetensors; nothing in this file was run."`,
  );
});
