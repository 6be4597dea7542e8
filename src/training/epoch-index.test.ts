import { expect, test } from "vitest";
import type { Dataset } from "../data/index.js";
import { memoryData, type MemoryRow } from "../evaluation/memory-data.test-support.js";
import { Random } from "../random/index.js";
import { AnswerTable } from "./answer-labels.js";
import { kindsOf, EpochIndex } from "./epoch-index.js";

const image = new Uint8Array();
const row = (texts: Partial<MemoryRow>): MemoryRow => ({ images: [image, image], ...texts });
const captions = (...list: string[]) => row({ captions: list });
const question = (...answers: string[]) => ({
  question: "what?",
  answers: answers.map((answer) => ({ answer, score: 1 })),
});

const all = (epochIndex: EpochIndex) => Array.from({ length: epochIndex.length }, (_, i) => epochIndex.at(i));
const places = (epochIndex: EpochIndex) =>
  all(epochIndex).map(({ dataset, globalRow, text }) => `${dataset.name} ${globalRow}.${text}`);

/** `count` rows with a caption each, none of them kept in memory. */
function large(count: number, blocks?: readonly number[]): Dataset {
  const one = new Uint32Array(count).fill(1);
  const none = new Uint32Array(count);
  return {
    name: "large",
    rows: count,
    counts: { captions: one, questions: none, hypotheses: none, statements: none, negatives: none },
    blocks,
    texts: () => ({ captions: ["a"], questions: [], hypotheses: [], statements: [], negatives: [] }),
    images: () => [],
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test("each caption is a sample if an objective reads captions; otherwise each text that it reads", () => {
  expect(kindsOf(["snli", "itm", "mlm"])).toEqual(["captions", "hypotheses"]);
  expect(kindsOf(["nlvr2", "vqa"])).toEqual(["questions", "statements"]);
  const data = [memoryData([captions("a", "b"), captions("c")], "one"), memoryData([captions("d", "e")], "two")];
  const epochIndex = EpochIndex.of(data, ["itm"]);
  expect(places(epochIndex)).toEqual(["one 0.0", "one 0.1", "one 1.0", "two 2.0", "two 2.1"]);
  expect([epochIndex.rangeOfDataset(0), epochIndex.rangeOfDataset(2), epochIndex.rangeOfDataset(3)]).toEqual([
    [0, 3],
    [0, 3],
    [3, 5],
  ]);
});

test("texts of labelled data sets are not read", () => {
  const { counts, ...rest } = large(2);
  const three = new Uint32Array(2).fill(3);
  const texts = () => expect.fail("a row was read");
  const labelled = { ...rest, texts, counts: { ...counts, questions: three }, labelled: true };
  const answers = new AnswerTable(["red"]);
  expect(places(EpochIndex.of([labelled], ["itc", "vqa"], answers))).toEqual(["large 0.0", "large 1.0"]);
  expect(places(EpochIndex.of([labelled], ["vqa"], answers)).slice(1, 4)).toEqual([
    "large 0.1",
    "large 0.2",
    "large 1.0",
  ]);
});

test("rows without the texts of an objective are skipped and counted", () => {
  const rows = [
    captions("a"),
    row({ captions: ["a", "b"], hypotheses: [{ text: "h" }, { text: "g", label: 1 }] }),
    row({ captions: ["a"], hypotheses: [{ text: "unlabelled" }] }),
    row({ hypotheses: [{ text: "h", label: 0 }] }),
  ];
  const both = EpochIndex.of([memoryData(rows)], ["mlm", "snli"]);
  expect([places(both), both.skippedRows]).toEqual([["pairs 1.0", "pairs 1.1"], 3]);
  // Labelled ones alone are the unit.
  const snli = EpochIndex.of([memoryData(rows)], ["snli"]);
  expect([places(snli), snli.skippedRows]).toEqual([["pairs 1.1", "pairs 3.0"], 2]);
});

test("questions count if the table has one of their answers", () => {
  const data = memoryData([
    row({ questions: [question("red"), question("mauve"), question("mauve", "blue"), question()] }),
    row({ questions: [question("mauve")] }),
  ]);
  const epochIndex = EpochIndex.of([data], ["vqa"], new AnswerTable(["red", "blue"]));
  expect([places(epochIndex), epochIndex.skippedRows]).toEqual([["pairs 0.0", "pairs 0.2"], 1]);
  expect(() => EpochIndex.of([data], ["vqa"], new AnswerTable(["green"]))).toThrow(
    "pairs: expected rows with questions, which the objectives vqa read, found none in 2 rows. Leave objectives out, or name data with these texts.",
  );
});

test("statements are about two images", () => {
  const statements = [{ text: "both", label: 1 }];
  const epochIndex = EpochIndex.of(
    [memoryData([row({ statements }), row({ statements: [{ text: "unlabelled" }] })])],
    ["nlvr2"],
  );
  expect(places(epochIndex)).toEqual(["pairs 0.0"]);
  const single = memoryData([row({ statements }), { images: [image], statements }]);
  expect(() => EpochIndex.of([single], ["nlvr2"])).toThrow(
    "row 1 of pairs: expected two images for a statement of NLVR2, found 1.",
  );
  // Without an objective that reads statements, one image is enough.
  expect(EpochIndex.of([memoryData([{ images: [image], statements, captions: ["a"] }])], ["itm"]).length).toBe(1);
});

test("no data set, and one without rows for the objectives in the middle", () => {
  expect(() => EpochIndex.of([], ["itm"])).toThrow(/^data: expected rows with captions/);
  const empty = memoryData([row({ questions: [question("red")] })], "empty");
  const epochIndex = EpochIndex.of(
    [memoryData([captions("a")], "one"), empty, memoryData([captions("b")], "two")],
    ["itm"],
  );
  expect(places(epochIndex)).toEqual(["one 0.0", "two 2.0"]);
});

test("an epoch takes every sample once, in an order that depends on seed and epoch alone", () => {
  const epochIndex = EpochIndex.of([large(500), large(37)], ["itm"]);
  const order = (epoch: number, seed = 0) => Array.from(epochIndex.order(epoch, new Random(seed)));
  expect([...order(0)].sort((a, b) => a - b)).toEqual([...Array(537).keys()]);
  expect(order(3)).toEqual(order(3));
  expect(order(3)).not.toEqual(order(4));
  expect(order(3)).not.toEqual(order(3, 1));
  // What others drew from the seed before has no part in it.
  const random = new Random(0);
  random.uniform();
  expect(Array.from(epochIndex.order(3, random))).toEqual(order(3));
});

test("if files are read by blocks, eight of them at a time are shuffled together", () => {
  const size = 10;
  const blocks = Array.from({ length: 40 }, (_, i) => i * size);
  const epochIndex = EpochIndex.of([large(400, blocks)], ["itm"]);
  const order = Array.from(epochIndex.order(1, new Random(0)));
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(400).keys()]);
  const windows = Array.from({ length: 5 }, (_, i) => order.slice(80 * i, 80 * (i + 1)));
  const blocksOf = (list: readonly number[]) => new Set(list.map((unit) => Math.floor(unit / size)));
  expect(windows.map((window) => blocksOf(window).size)).toEqual([8, 8, 8, 8, 8]);
  // Within a window, neighbours come from different blocks.
  expect(blocksOf(windows[0]!.slice(0, size)).size).toBeGreaterThan(3);
  expect(order).not.toEqual(Array.from(epochIndex.order(2, new Random(0))));
});

test("blocks without samples, and a data set without blocks beside one with them", () => {
  const rows = Array.from({ length: 30 }, (_, i) => (i < 10 ? row({}) : captions("a", "b")));
  const blocked: Dataset = { ...memoryData(rows, "blocked"), blocks: [0, 5, 10, 12, 29] };
  const epochIndex = EpochIndex.of([blocked, large(2_500)], ["itm"]);
  expect(epochIndex.length).toBe(2_540);
  const order = Array.from(epochIndex.order(0, new Random(7)));
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(2_540).keys()]);
});

test("a million rows", { timeout: 20_000 }, () => {
  const half = 500_000;
  const blocks = Array.from({ length: half / 100 }, (_, i) => 100 * i);
  const started = performance.now();
  const epochIndex = EpochIndex.of([large(half), large(half, blocks)], ["itm"]);
  const seen = new Uint8Array(2 * half);
  for (const unit of epochIndex.order(0, new Random(0))) seen[unit]!++;
  expect(seen.every((count) => count === 1)).toBe(true);
  // Half a second; quadratic work would take hours.
  expect(performance.now() - started).toBeLessThan(15_000);
});
