import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { submissionName, writeResults } from "./write-results.js";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "bridgetower-results-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

const result = { metrics: ["vqa"], results: { vqa_loss: 1.5, rows: 2 }, skipped: [], predictions: [] } as const;

test("numbers by name, and no submission without predictions", async () => {
  const out = join(await folder(), "new", "one");
  expect(await writeResults(out, result, "runs/a/checkpoint-5")).toEqual([join(out, "eval_results.json")]);
  expect(await readFile(join(out, "eval_results.json"), "utf8")).toBe('{\n  "vqa_loss": 1.5,\n  "rows": 2\n}\n');
  expect(await readdir(out)).toEqual(["eval_results.json"]);
});

test("predictions as the challenge takes them, four spaces deep", async () => {
  const out = await folder();
  const predictions = [{ question_id: 131072000, answer: "yes" }];
  const [, file] = await writeResults(out, { ...result, predictions }, "runs/vqa base/checkpoint-500/");
  expect(file).toBe(join(out, "vqa_submit_vqa-base_checkpoint-500.json"));
  expect(await readFile(file!, "utf8")).toBe(
    '[\n    {\n        "question_id": 131072000,\n        "answer": "yes"\n    }\n]',
  );
});

test.each([
  ["BridgeTower/bridgetower-base", "vqa_submit_BridgeTower_bridgetower-base.json"],
  ["/", "vqa_submit_model_model.json"],
])("%s is sent in as %s", (model, expected) => expect(submissionName(model)).toBe(expected));
