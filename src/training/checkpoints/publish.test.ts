import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../checkpoint/index.js";
import { publishModel, readRunCheckpoint, saveRunCheckpoint } from "./index.js";
import { parameters, runAt } from "./run-at.test-support.js";
import { temporaryFolder } from "./sample-run.test-support.js";

const modelFiles = ["answers.json", "config.json", "model.safetensors"];

test("the run's folder becomes the model of the checkpoint", async () => {
  const output = await temporaryFolder();
  const folders = [];
  for (const step of [1, 2]) folders.push(await saveRunCheckpoint(output, runAt(step)));
  const [first, second] = folders as [string, string];
  const written = await publishModel(output, first);
  expect(written.map((path) => path.slice(output.length + 1)).sort()).toEqual(modelFiles);
  await publishModel(output, second);
  // Once more: the weights are the same file already.
  await publishModel(output, second);
  expect((await readdir(output)).sort()).toEqual([...modelFiles, "checkpoint-1", "checkpoint-2"].sort());
  for (const name of modelFiles) expect(await readFile(join(output, name))).toEqual(await readFile(join(second, name)));
  expect((await openCheckpoint(output)).tensors.size).toBe(parameters.length);
});

test("an edit at the top does not change the checkpoint; removing the checkpoint does not remove the model", async () => {
  const output = await temporaryFolder();
  const folder = await saveRunCheckpoint(output, runAt(1));
  await publishModel(output, folder);
  await writeFile(join(output, "config.json"), "{}");
  expect((await readRunCheckpoint(folder, parameters)).step).toBe(1);
  const { size } = await stat(join(output, "model.safetensors"));
  await rm(folder, { recursive: true });
  expect((await readFile(join(output, "model.safetensors"))).length).toBe(size);
});

test("files of an earlier model in the folder are removed", async () => {
  const output = await temporaryFolder();
  for (const name of ["tokenizer.json", "config.json", "log.jsonl"]) await writeFile(join(output, name), "earlier");
  await publishModel(output, await saveRunCheckpoint(output, runAt(1)));
  expect((await readdir(output)).sort()).toEqual([...modelFiles, "checkpoint-1", "log.jsonl"].sort());
});

test("a torn checkpoint is not published", async () => {
  const output = await temporaryFolder();
  const folder = await saveRunCheckpoint(output, runAt(1));
  await rm(join(folder, "optimizer.safetensors"));
  await expect(publishModel(output, folder)).rejects.toThrow("optimizer.safetensors");
  expect(await readdir(output)).toEqual(["checkpoint-1"]);
});
