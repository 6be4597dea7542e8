import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSafetensors } from "../../checkpoint/index.js";
import { temporaryName, thisProcess } from "../../files/index.js";
import { findCheckpoints, lockRun, readRunCheckpoint, saveRunCheckpoint } from "./index.js";
import { parameters, runAt, trained } from "./run-at.test-support.js";
import { expectedAt, plain, temporaryFolder } from "./sample-run.test-support.js";

test("a checkpoint is read back bit for bit, each array with a separate buffer", async () => {
  const output = join(await temporaryFolder(), "new", "run");
  const folder = await saveRunCheckpoint(output, runAt(3));
  expect(folder).toBe(join(output, "checkpoint-3"));
  const read = await readRunCheckpoint(folder, parameters, trained);
  expect(plain(read)).toEqual(expectedAt(3));
  const arrays = [...read.values.values(), ...[...read.optimizer.values()].flatMap(({ m, v }) => [m, v])];
  for (const array of arrays) expect(array.byteLength).toBe(array.buffer.byteLength);
  expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(arrays.length);
});

test("the layout and names of Hugging Face's trainer", async () => {
  const output = await temporaryFolder();
  const folder = await saveRunCheckpoint(output, runAt(3));
  expect((await readdir(folder)).sort()).toEqual([
    "answers.json",
    "checkpoint.json",
    "config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "trainer_state.json",
  ]);
  expect([...(await readSafetensors(join(folder, "model.safetensors"))).keys()][0]).toBe(
    "bridgetower.text_model.embeddings.word_embeddings.weight",
  );
  expect([...(await readSafetensors(join(folder, "optimizer.safetensors"))).keys()]).toEqual([
    "bridgetower.text_model.embeddings.word_embeddings.weight.exp_avg",
    "bridgetower.text_model.embeddings.word_embeddings.weight.exp_avg_sq",
    "itm_score.fc.weight.exp_avg",
    "itm_score.fc.weight.exp_avg_sq",
    "temperature.exp_avg",
    "temperature.exp_avg_sq",
  ]);
  const state = JSON.parse(await readFile(join(folder, "trainer_state.json"), "utf8")) as object;
  expect(state).toEqual(runAt(3).state);
});

test("a checkpoint of the same step is replaced, and no hidden file stays", async () => {
  const output = await temporaryFolder();
  const first = runAt(3);
  await saveRunCheckpoint(output, { ...first, state: { ...first.state, epoch: 9 } });
  const folder = await saveRunCheckpoint(output, first);
  expect(await readdir(output)).toEqual(["checkpoint-3"]);
  expect((await readRunCheckpoint(folder, parameters)).state).toEqual(first.state);
});

test("the old checkpoint is restored if a run was killed while replacing it", async () => {
  const output = await temporaryFolder();
  const folder = await saveRunCheckpoint(output, runAt(3));
  await rename(folder, join(output, ".checkpoint-3.0123456789ab.old"));
  await mkdir(join(output, ".checkpoint-3.ba9876543210.tmp"));
  await mkdir(join(output, ".checkpoint-1.ba9876543210.pruned"));
  const [gone, alive] = [{ ...thisProcess(), pid: 2 ** 30 }, thisProcess()].map((owner) =>
    temporaryName("log.jsonl", owner),
  );
  for (const name of [gone!, alive!, ".keep"]) await writeFile(join(output, name), "");
  await (await lockRun(output)).release();
  expect((await readdir(output)).sort()).toEqual([".keep", alive, "checkpoint-3"]);
  expect((await readRunCheckpoint(folder, parameters)).step).toBe(3);
});

test("a checkpoint that was replaced is removed", async () => {
  const output = await temporaryFolder();
  await saveRunCheckpoint(output, runAt(3));
  await mkdir(join(output, ".checkpoint-3.0123456789ab.old"));
  await (await lockRun(output)).release();
  expect(await readdir(output)).toEqual(["checkpoint-3"]);
});

test("a folder that another program wrote is not replaced", async () => {
  const output = await temporaryFolder();
  await mkdir(join(output, "checkpoint-3"));
  await writeFile(join(output, "checkpoint-3", "pytorch_model.bin"), "theirs");
  await expect(saveRunCheckpoint(output, runAt(3))).rejects.toThrow(
    "expected a free name, or a checkpoint to replace, found a folder without checkpoint.json",
  );
  expect(await readdir(join(output, "checkpoint-3"))).toEqual(["pytorch_model.bin"]);
});

test("a failure leaves the checkpoint of the same step and nothing else", async () => {
  const output = await temporaryFolder();
  const folder = await saveRunCheckpoint(output, runAt(3));
  const broken = runAt(3);
  // As during a step: the arrays are transferred to a thread.
  const transferred = new Map([
    ...broken.optimizer,
    ["temperature", { m: new Float32Array(0), v: new Float32Array(0) }],
  ]);
  await expect(saveRunCheckpoint(output, { ...broken, optimizer: transferred })).rejects.toThrow(RangeError);
  const unreadable = join(output, "missing.json");
  await expect(
    saveRunCheckpoint(output, { ...broken, files: new Map([["vocab.json", unreadable]]) }),
  ).rejects.toThrow();
  expect(await readdir(output)).toEqual(["checkpoint-3"]);
  expect(plain(await readRunCheckpoint(folder, parameters))).toEqual(expectedAt(3));
});

test("parts that do not match are refused before anything is written", async () => {
  const output = join(await temporaryFolder(), "run");
  const run = runAt(3);
  await expect(saveRunCheckpoint(output, { ...run, step: 4 })).rejects.toThrow("step 4, global_step 3");
  await expect(saveRunCheckpoint(output, { ...run, documents: { "trainer_state.json": {} } })).rejects.toThrow(
    "trainer_state.json is a name that checkpoints use themselves",
  );
  const stranger = new Map([["other.weight", { m: new Float32Array(1), v: new Float32Array(1) }]]);
  await expect(saveRunCheckpoint(output, { ...run, optimizer: stranger })).rejects.toThrow("other.weight");
  expect(await readdir(output)).toEqual([]);
});

test("a checkpoint on another disk, behind a link, is one like the others", async () => {
  const [output, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
  await saveRunCheckpoint(elsewhere, runAt(3));
  await symlink(join(elsewhere, "checkpoint-3"), join(output, "checkpoint-3"));
  expect((await findCheckpoints(output)).checkpoints.map(({ step }) => step)).toEqual([3]);
});
