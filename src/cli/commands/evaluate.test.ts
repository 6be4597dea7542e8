/** `bridgetower evaluate` on images of the examples: JSON, table, files, errors. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BridgeTower } from "../../inference/index.js";
import { documentOf, runCli } from "../run-cli.test-support.js";

let folder: string;
let data: string;

const question = "what is the background color?";
const captions = ["a fox", "a moose on a hill", "two bagels", "a tower"];
const names = ["000.png", "001.png", "006.png"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-evaluate-"));
  for (const name of names) await cp(join("examples/images", name), join(folder, name));
  await writeFile(join(folder, "broken.png"), "no image");
  data = join(folder, "pairs.jsonl");
  const rows = [...names, "broken.png"].map((image, i) => ({
    image,
    captions: [captions[i]],
    questions: [{ question, answer: "white", question_id: i }],
  }));
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
});
afterAll(() => rm(folder, { recursive: true }));

interface Document {
  readonly metrics: readonly string[];
  readonly results: Readonly<Record<string, number>>;
  readonly skipped: readonly { readonly name: string }[];
  readonly files: readonly string[];
}

test("the score is that of the answers of `answer`; files are written only with --out", async () => {
  const out = join(folder, "out");
  const args = ["evaluate", "--data", data, "--metric", "vqa", "--metric", "retrieval", "--json"];
  const document = documentOf<Document>(await runCli([...args, "--out", out]));
  const model = await BridgeTower.fromPretrained();
  const right = await Promise.all(
    names.map(async (name) => ((await model.answer(join(folder, name), question))[0]!.answer === "white" ? 1 : 0)),
  );
  await model.dispose();
  expect(document.metrics).toEqual(["vqa", "retrieval"]);
  expect(document.results.vqa_score).toBeCloseTo(right.reduce<number>((sum, one) => sum + one, 0) / right.length, 9);
  expect(document.results).toMatchObject({ vqa_questions: 3, retrieval_images: 3, rows: 3, skipped_images: 1 });
  expect(document.skipped).toHaveLength(1);
  expect(document.skipped[0]!.name).toContain("broken.png");
  expect((await readdir(out)).sort()).toEqual(document.files.map((file) => file.slice(out.length + 1)).sort());
  expect(JSON.parse(await readFile(join(out, "eval_results.json"), "utf8"))).toEqual(document.results);
});

test("rows of several splits are refused unless one is chosen, and what the reader left out is a warning", async () => {
  const table = join(folder, "splits.csv");
  await writeFile(table, "image,caption,split\n000.png,a fox,val\n001.png,a moose,test\n006.png,,test\n");
  const args = ["evaluate", "--data", table, "--metric", "retrieval"];
  const { code, stderr } = await runCli(args);
  expect(code).toBe(1);
  expect(stderr).toContain("found val, test. Choose one, as in --split test.");
  const chosen = await runCli([...args, "--split", "test"]);
  expect(chosen.stderr).toContain("1 of 2 records have an image and no text (the first: ");
  expect(chosen.code).toBe(0);
});

test("a table for people; a data set that is named twice is read twice", async () => {
  const args = ["evaluate", "--data", data, "--data", data, "--metric", "retrieval", "--k-test", "2"];
  const { code, stdout, stderr } = await runCli(args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^tr_r1 +\d+\.\d%$/m);
  expect(stdout).toMatch(/^rsum +\d+\.\d$/m);
  expect(stdout).toMatch(/^retrieval_images +6$/m);
  expect(stdout).toMatch(/left out, as their images cannot be read:\n {2}.*broken\.png.*\n {2}.*broken\.png/);
});

test("retrieval with --candidates and --captions; accuracies by facet", async () => {
  const args = ["evaluate", "--data", "examples/images/captions.jsonl", "--limit", "5"];
  const metrics = ["facet", "retrieval"].flatMap((metric) => ["--metric", metric]);
  const { code, stdout } = await runCli([...args, ...metrics, "--candidates", "2", "--captions", "1"]);
  expect(code).toBe(0);
  for (const name of ["facet_accuracy", "facet_accuracy_obj", "ir_r1"]) {
    expect(stdout).toMatch(new RegExp(`^${name} +\\d+\\.\\d%$`, "m"));
  }
  for (const line of ["retrieval_images +4", "retrieval_texts +4", "retrieval_groups +2", "rows +5"]) {
    expect(stdout).toMatch(new RegExp(`^${line}$`, "m"));
  }
});

test.each<[string, string[], number, RegExp]>([
  [
    "re-ranking without retrieval",
    ["--data", "DATA", "--metric", "itm", "--k-test", "2"],
    1,
    /--k-test: expected the metric retrieval, found itm\. Leave --k-test out/,
  ],
  ["no data set", [], 2, /evaluate: expected --data, found no --data/],
  [
    "an unknown metric",
    ["--data", "DATA", "--metric", "retreival"],
    2,
    /--metric: expected one of itm, .*The nearest is retrieval/,
  ],
  ["an unknown transform", ["--data", "DATA", "--transform", "blup"], 2, /--transform: .*The nearest is blip/],
  ["a column without a name", ["--data", "DATA", "--column", "caption"], 2, /--column: expected role=name/],
  ["an unknown column role", ["--data", "DATA", "--column", "captoin=x"], 2, /--column: .*The nearest is caption/],
  [
    "half a candidate",
    ["--data", "DATA", "--candidates", "1.5"],
    2,
    /--candidates: expected a whole number, 2 or more/,
  ],
  ["one candidate", ["--data", "DATA", "--candidates", "1"], 2, /--candidates: expected a whole number, 2 or more/],
  ["no captions", ["--data", "DATA", "--captions", "0"], 2, /--captions: expected a whole number, 1 or more/],
  [
    "more candidates than rows",
    ["--data", "DATA", "--candidates", "64"],
    1,
    /--candidates: expected at most 4, the rows of .*pairs\.jsonl that have captions, found 64/,
  ],
  ["a head that is missing", ["--data", "DATA", "--metric", "irtr"], 1, /saved without that head/],
  ["a data set that is missing", ["--data", "nowhere.jsonl"], 1, /nowhere\.jsonl: expected/],
  ["a file for a folder", ["--data", "DATA", "--out", "package.json"], 1, /--out: expected a folder, found the file/],
  [
    "texts that are not there",
    ["--data", "DATA", "--metric", "snli"],
    1,
    /expected hypotheses, which snli evaluates, found no hypotheses/,
  ],
])("%s is one line that says so", async (_, args, code, words) => {
  const result = await runCli(["evaluate", ...args.map((arg) => (arg === "DATA" ? data : arg))]);
  expect(result.stderr).toMatch(/^bridgetower: [^\n]+\n$/);
  expect(result.stderr).toMatch(words);
  expect(result.code).toBe(code);
  expect(result.stdout).toBe("");
});
