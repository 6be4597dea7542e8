import { readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { writeSafetensors } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { HostTensor } from "../../graph/index.js";
import { readRunCheckpoint, saveRunCheckpoint } from "./index.js";
import { writeManifest } from "./manifest.js";
import { parameters, runAt, trained } from "./run-at.test-support.js";
import { temporaryFolder } from "./sample-run.test-support.js";

let folder: string;
beforeEach(async () => {
  folder = await saveRunCheckpoint(await temporaryFolder(), runAt(3));
});

/** The error for the user, without the folder's name. */
async function complaint(expected: Parameters<typeof readRunCheckpoint>[1] = parameters, names?: readonly string[]) {
  const error: unknown = await readRunCheckpoint(folder, expected, names).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message.replaceAll(folder, "checkpoint-3");
}

/** Changes a file after the manifest was made, and makes the manifest again: only the file's own content is wrong. */
async function rewrite(name: string, content: string | Uint8Array): Promise<void> {
  await writeFile(join(folder, name), content);
  await rm(join(folder, "checkpoint.json"));
  await writeManifest(folder, 3);
}

test.each(["optimizer.safetensors", "model.safetensors", "trainer_state.json"])("%s cut short", async (name) => {
  const { size } = await stat(join(folder, name));
  await truncate(join(folder, name), size - 5);
  expect(await complaint()).toBe(
    `checkpoint-3/${name}: expected a file of ${size} bytes, found ${size - 5}: it was cut short or changed. Resume from another checkpoint.`,
  );
});

test("a file of the right size with another bit", async () => {
  const path = join(folder, "optimizer.safetensors");
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  expect(await complaint()).toContain(
    "optimizer.safetensors: expected the content with the hash in checkpoint.json, found other content.",
  );
});

test("a file that is gone, and a manifest that is", async () => {
  await rm(join(folder, "answers.json"));
  expect(await complaint()).toMatch(/^checkpoint-3\/answers\.json: expected a file of \d+ bytes, found no such file\./);
  await rm(join(folder, "checkpoint.json"));
  expect(await complaint()).toContain("checkpoint-3/checkpoint.json: expected a JSON file, found no such file.");
});

test.each([
  ["no JSON", "{", "expected a JSON file, found text that is not JSON"],
  ["a newer format", '{"format":2,"step":3,"files":{}}', "expected a list of files, found format"],
  ["a way out of the folder", manifestOf("../model.safetensors"), "expected a list of files, found files."],
  ["a hidden file", manifestOf(".x"), "expected a list of files, found files."],
  ["a step of another kind", '{"format":1,"step":-1,"files":{}}', "expected a list of files, found step"],
])("a manifest with %s", async (_, text, expected) => {
  await writeFile(join(folder, "checkpoint.json"), text);
  expect(await complaint()).toContain(expected);
});

function manifestOf(name: string): string {
  return JSON.stringify({ format: 1, step: 3, files: { [name]: { bytes: 0, sha256: "0".repeat(64) } } });
}

test("all parameters that do not match are named together", async () => {
  const [first, ...rest] = parameters;
  const other = [{ ...first, shape: [31, 4] }, ...rest.slice(1), { name: "logit_scale", shape: [] }];
  expect(await complaint(other)).toBe(
    "checkpoint-3/model.safetensors: expected the model's parameters, found " +
      "bridgetower.text_model.embeddings.word_embeddings.weight is float32 [30, 4], not float32 [31, 4]; no logit_scale; " +
      "bridgetower.cross_modal_text_transform.bias is not one of them. " +
      "Resume with the model and the settings that the run started with, or from another checkpoint.",
  );
});

test("the optimizer has a state for exactly the trained parameters", async () => {
  const names = [...trained.slice(1), "cross_modal_text_transform.bias"];
  expect(await complaint(parameters, names)).toContain(
    "optimizer.safetensors: expected the state of the parameters that are trained, found " +
      "no bridgetower.cross_modal_text_transform.bias.exp_avg; no bridgetower.cross_modal_text_transform.bias.exp_avg_sq; " +
      "bridgetower.text_model.embeddings.word_embeddings.weight.exp_avg is not one of them; ",
  );
});

test("tensors of the optimizer that are missing, of another type or of an unknown parameter", async () => {
  const value = new HostTensor("float32", [], Float32Array.of(1));
  const half = new HostTensor("float16", [], Uint16Array.of(1));
  const path = join(folder, "optimizer.safetensors");
  await writeSafetensors(
    path,
    new Map<string, HostTensor>([
      ["temperature.exp_avg", half],
      ["other.exp_avg", value],
    ]),
  );
  await rewrite("optimizer.safetensors", await readFile(path));
  expect(await complaint()).toContain(
    "found temperature.exp_avg is float16 [], not float32 []; no temperature.exp_avg_sq; other.exp_avg is not one of them.",
  );
});

test.each([
  ["trainer_state.json", "[1, 2]", "the state of a training run"],
  ["trainer_state.json", JSON.stringify({ ...runAt(3).state, global_step: "3" }), "trainer_state.json: global_step:"],
  ["trainer_state.json", JSON.stringify(runAt(4).state), "trainer_state.json: expected global_step 3, found 4."],
  ["trainer_state.json", "\u0000", "trainer_state.json: expected a JSON file"],
  ["model.safetensors", "x", "model.safetensors: expected a safetensors file, found only 1 bytes"],
])("%s that holds %j", async (name, content, expected) => {
  await rewrite(name, content);
  expect(await complaint()).toContain(expected);
});

test("fields of a later version are kept", async () => {
  const state = { ...runAt(3).state, total_flos: 5 };
  await rewrite("trainer_state.json", JSON.stringify(state));
  expect((await readRunCheckpoint(folder, parameters)).state).toEqual(state);
});

test("a value that JSON does not have is read as null", async () => {
  const run = runAt(4);
  const state = { ...run.state, log_history: [{ step: 4, loss: NaN }] };
  const saved = await saveRunCheckpoint(await temporaryFolder(), { ...run, state });
  expect((await readRunCheckpoint(saved, parameters)).state.log_history).toEqual([{ step: 4, loss: null }]);
});
