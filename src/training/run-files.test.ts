import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RunFiles } from "./run-files.js";
import { trainingSettings } from "./run-settings.js";
import { tinySettings } from "./tiny-run.test-support.js";

async function temporaryFolder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-run-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** The files of a run's folder after a run has kept the tokenizer in `source`. */
async function keptIn(output: string, source: string, ...names: string[]): Promise<string[]> {
  const files = await RunFiles.open(trainingSettings(tinySettings(source, { output })));
  await files.keepTokenizer(new Map(names.map((name) => [name, join(source, name)])));
  await files.close();
  return (await readdir(output)).sort();
}

test("another tokenizer replaces that of an earlier run, whose model is no model any more", async () => {
  const output = await temporaryFolder({ "tokenizer.json": "old", "config.json": "{}", "log.jsonl": "" });
  const source = await temporaryFolder({ "vocab.json": "new", "merges.txt": "new" });
  expect(await keptIn(output, source, "vocab.json", "merges.txt")).toEqual(["log.jsonl", "merges.txt", "vocab.json"]);
  expect(await readFile(join(output, "vocab.json"), "utf8")).toBe("new");
});

test("the same tokenizer leaves the published model", async () => {
  const output = await temporaryFolder({ "tokenizer.json": "same", "config.json": "{}" });
  const source = await temporaryFolder({ "tokenizer.json": "same" });
  expect(await keptIn(output, source, "tokenizer.json")).toEqual(["config.json", "tokenizer.json"]);
  expect(await keptIn(output, output, "tokenizer.json")).toEqual(["config.json", "tokenizer.json"]);
});
