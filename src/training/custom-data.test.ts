/** Runs on data sets that a program gives, and on modules that settings name. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataset } from "../data/index.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "./tiny-run.test-support.js";
import { train, trainingSettings } from "./index.js";

const module = (root: string) => `
import { readFileSync } from "node:fs";
const lines = readFileSync(${JSON.stringify(join(root, "pairs", "pairs.jsonl"))}, "utf8").trim().split("\\n").map(JSON.parse);
export default ({ rows = lines.length } = {}) => ({
  name: "from a module",
  rows,
  images: (row) => {
    const file = ${JSON.stringify(join(root, "pairs"))} + "/" + lines[row].image;
    return [{ name: file, read: async () => readFileSync(file) }];
  },
  texts: (row) => ({ captions: lines[row].captions ?? [lines[row].caption] }),
});
`;

test("a run on files, on the same data as an object and on a module writes the same log and weights", async () => {
  const root = await temporaryFolder();
  await makePairs(root);
  await mkdir(join(root, "settings"));
  await writeFile(join(root, "settings", "pairs.mjs"), module(root));
  const settings = (name: string) => ({ ...tinySettings(root), output: join(root, name), max_steps: 2 });
  const result = async (name: string) => [
    await logOf(join(root, name)),
    // As text: a deep comparison of buffers takes half a minute.
    (await readFile(join(root, name, "model.safetensors"))).toString("base64"),
  ];

  await train(settings("files"));
  const expected = await result("files");

  const dataset = await openDataset(join(root, "pairs"));
  let closed = false;
  const given = { ...dataset, close: () => Promise.resolve(void (closed = true)) };
  await train({ ...settings("object"), data: { train: given } });
  expect(await result("object")).toEqual(expected);
  expect(closed).toBe(false);
  // The same call finds the run done; another data set is another run.
  expect((await train({ ...settings("object"), data: { train: [given] } })).interrupted).toBe(false);
  await expect(train({ ...settings("object"), data: { train: { ...given, name: "others" } } })).rejects.toThrow(
    "other values of data",
  );
  await dataset.close();

  const source = { module: "./pairs.mjs", options: {} };
  await train({ ...settings("module"), data: { train: source } }, { modulesFrom: join(root, "settings") });
  expect(await result("module")).toEqual(expected);
});

test("settings that name a module are refused unless it is allowed, before anything is read", async () => {
  const settings = { ...tinySettings("nowhere"), data: { train: "pairs", validation: [{ module: "./a.js" }] } };
  const refusal =
    'data.validation: expected a path of data, because importing a module runs its code, found the module "./a.js"';
  expect(() => trainingSettings(settings, "run.json")).toThrow(`run.json: ${refusal}`);
  await expect(train(settings)).rejects.toThrow(`settings: ${refusal}`);
  expect(trainingSettings(settings, "run.json", { allowModules: true }).data.validation).toEqual([
    { module: "./a.js" },
  ]);
});

test("a data set given as an object is recorded by name and rows, and a file cannot name one", async () => {
  const data = { name: "mine", rows: 7, texts: () => ({}), images: () => [] };
  const settings = { ...tinySettings("nowhere"), data: { train: ["pairs", data], validation: data } };
  const record = { dataset: "mine", rows: 7 };
  expect(trainingSettings(settings).data).toEqual({ train: ["pairs", record], validation: [record] });
  const root = await temporaryFolder();
  await expect(train({ ...tinySettings(root), data: { train: record } })).rejects.toThrow(
    'data.train: expected a path or a module, found the record of a data set "mine", which must be passed as an object in code.',
  );
});

test("rows of several splits are refused unless one is chosen, and what the reader left out is a warning", async () => {
  const root = await temporaryFolder();
  const folder = await makePairs(root);
  const splits = ["train", "train", "val", "test"];
  const lines = (await readFile(join(folder, "pairs.jsonl"), "utf8")).trim().split("\n");
  const rows = lines.map((line, i) => ({ ...(JSON.parse(line) as object), split: splits[i % 4] }));
  const table = join(folder, "pairs.jsonl");
  const write = (records: readonly object[]) =>
    writeFile(table, records.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await write([...rows, { split: "train" }]);
  const settings = { ...tinySettings(root), output: join(root, "run"), max_steps: 1 };
  await expect(train({ ...settings, data: { train: table } })).rejects.toThrow(
    'column "split": expected rows of one split of train, val and test, found train, val, test. Choose a split in data.train',
  );
  const warnings: string[] = [];
  const data = { train: { path: table, split: "train" } };
  await train({ ...settings, data }, { onWarning: (message) => warnings.push(message) });
  expect(warnings).toContainEqual(
    expect.stringMatching(/^data\.train, .*pairs\.jsonl: 1 record has neither image nor text and is left out/),
  );
});
