import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { memoryData } from "../evaluation/memory-data.test-support.js";
import { answersIn, AnswerTable, answerTable } from "./answer-labels.js";
import { temporaryFolder } from "./tiny-run.test-support.js";

const question = (...answers: string[]) => ({
  question: "what?",
  answers: answers.map((answer, i) => ({ answer, score: 1 - i / 10 })),
});
const data = memoryData([
  { images: [], questions: [question("red", "blue")] },
  { images: [], questions: [question(), question("blue", "green", "red")] },
]);

test("the file that is named, the classifier's own, a file beside the data, the answers of the data", async () => {
  const root = await temporaryFolder();
  const pairs = join(root, "pairs");
  await mkdir(pairs);
  const named = join(root, "named.json");
  await writeFile(named, '["a", "b"]');
  await writeFile(join(root, "answers.json"), '["c"]');
  const known = new AnswerTable(["d"]);
  const file = join(root, "pairs.arrow");
  const find = async (sources: Partial<Parameters<typeof answerTable>[0]>) =>
    (await answerTable({ named: undefined, known: undefined, paths: [pairs, file], datasets: [data], ...sources }))
      .answers;
  expect(await find({ named, known })).toEqual(["a", "b"]);
  expect(await find({ known })).toEqual(["d"]);
  expect(await find({})).toEqual(["c"]);
  // In the folder of a data set goes before one beside a later file.
  await writeFile(join(pairs, "answers.json"), '["e"]');
  expect(await find({})).toEqual(["e"]);
  expect(await find({ paths: [] })).toEqual(["red", "blue", "green"]);
  await expect(find({ paths: [], datasets: [memoryData([{ images: [] }], "captions")] })).rejects.toThrow(
    "captions: expected questions with answers, which the objective vqa needs, found none. Leave vqa out, or add data that has them.",
  );
  await expect(find({ named: join(root, "none.json") })).rejects.toThrow(
    /none\.json: expected a JSON list of answers, found no such file\. Check the path\.$/,
  );
});

test.each([
  ['"abc"', "a single value"],
  ["3", "a single value"],
  ["null", "a single value"],
  ["[]", "an empty list"],
  ["{}", "an empty list"],
  ['["a", 1]', "no text for 1"],
  ['["a", ["b"]]', "no text for 1"],
  ['["a", "b", "a"]', '"a" twice'],
  ['{"1": "a"}', "no text for 0"],
  ['{"yes": "0"}', "no text for 0"],
  ['{"0": "a", "__proto__": "b"}', "no text for 1"],
  ["[", "text that is not JSON"],
])("%s is no list of answers", async (text, found) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "answers.json"), text);
  await expect(answersIn(folder)).rejects.toThrow(
    `answers.json: expected a JSON list of different texts, or an object with the keys 0, 1, 2, …, found ${found}.`,
  );
});

test("an object with numbers for keys is a list, and a file of gigabytes is not read", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "answers.json"), '{"1": "b", "0": "a"}');
  expect((await answersIn(folder))!.answers).toEqual(["a", "b"]);
  await writeFile(
    join(folder, "answers.json"),
    JSON.stringify(Array.from({ length: 200_000 }, (_, i) => `answer ${i}`)),
  );
  await expect(answersIn(folder)).rejects.toThrow(/answers\.json: expected .*1048576/);
  expect(await answersIn(join(folder, "none"))).toBeUndefined();
});

test("more answers than a checkpoint could give back are refused before a classifier is made for them", async () => {
  const many = memoryData([
    { images: [], questions: [question(...Array.from({ length: 60_000 }, (_, i) => `answer ${i}`))] },
  ]);
  await expect(answerTable({ named: undefined, known: undefined, paths: [], datasets: [many] })).rejects.toThrow(
    /^pairs: expected answers of at most 1048576 bytes, .*, found 60000 answers of \d+ bytes\. Use a file/,
  );
});

test("targets are the scores of the answers that are in the table", () => {
  const table = new AnswerTable(["red", "green", "blue"]);
  expect([...table.targets(question("blue", "mauve", "red"))]).toEqual([
    [2, 1],
    [0, 0.8],
  ]);
  expect(table.targets(question("mauve")).size).toBe(0);
});
