import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { InputError } from "../errors.js";
import { readAnswers } from "./answers.js";

async function folderWith(files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-answers-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

test.each([
  ["id2label", { "config.json": { id2label: { 1: "no", 0: "yes" } } }],
  ["a list", { "config.json": {}, "answers.json": ["yes", "no"] }],
  ["an object", { "config.json": {}, "answers.json": { 1: "no", 0: "yes" } }],
  ["id2label before answers.json", { "config.json": { id2label: ["yes", "no"] }, "answers.json": ["a", "b"] }],
  [
    "an id2label of null, as transformers may write",
    { "config.json": { id2label: null }, "answers.json": ["yes", "no"] },
  ],
])("%s", async (_, files) => {
  expect(await readAnswers(await folderWith(files), 2)).toEqual(["yes", "no"]);
});

const wanted = "a text for each of the 2 outputs of the classifier: a JSON list, or an object with the keys 0 to 1";

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  [
    "neither",
    { "config.json": {} },
    "FOLDER: expected the 2 answers of its classifier, " +
      "found neither id2label in config.json nor a file answers.json. " +
      "Add answers.json: a JSON list of the answers in the order of the classifier's outputs.",
  ],
  ["too few", { "answers.json": ["yes"] }, `FOLDER/answers.json: expected ${wanted}, found 1 answer.`],
  [
    "another task's labels",
    { "config.json": { id2label: { 0: "a", 1: "b", 2: "c" } } },
    `id2label in FOLDER/config.json: expected ${wanted}, found 3 answers.`,
  ],
  ["a gap", { "answers.json": { 0: "yes", 2: "no" } }, "found no text for 1."],
  ["a number", { "answers.json": ["yes", 2] }, "found no text for 1."],
  ["a single value", { "answers.json": '"yes"' }, "found a single value."],
  ["no JSON", { "answers.json": '["yes",' }, "found text that is not JSON."],
  ["a key that an object has anyway", { "answers.json": '{"0": "yes", "__proto__": "no"}' }, "found no text for 1."],
  ["more than a list of answers takes", { "answers.json": `["${"x".repeat(2 ** 20)}", "no"]` }, "1048576 bytes"],
])("%s is refused", async (_, files, message) => {
  const folder = await folderWith(files);
  const error: unknown = await readAnswers(folder, 2).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).message.replaceAll(folder, "FOLDER")).toContain(message);
});
