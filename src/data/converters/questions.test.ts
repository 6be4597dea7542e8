/** VQAv2 and the questions of Visual Genome: vocabulary, scores, dropped questions, and the split of each image. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareDataset } from "./prepare-dataset.js";
import { folderWith, imageBytes, images, put, readTable, temporaryFolder } from "./sources.test-support.js";
import { splitGenome } from "./vgqa-split.js";
import { knownAnswers } from "./vgqa.js";

const types = {
  image: "Binary?",
  questions: "List<Utf8>?",
  answers: "List<List<Utf8>>?",
  answer_labels: "List<List<Int64>>?",
  answer_scores: "List<List<Float64>>?",
  image_id: "Int64?",
  question_id: "List<Int64>?",
  split: "Utf8?",
};

type Asked = readonly [image: number, question: number, text: string, major: string, ...answers: string[]];

const questions = (asked: readonly Asked[]) => ({
  info: { description: "as published", questions: "not here" },
  task_type: "Open-Ended",
  license: { url: "x" },
  questions: asked.map(([image_id, question_id, question]) => ({ image_id, question, question_id })),
});

const annotations = (asked: readonly Asked[]) => ({
  info: {},
  annotations: asked.map(([image_id, question_id, , major, ...answers]) => ({
    question_type: "what",
    multiple_choice_answer: major,
    answers: answers.map((answer, i) => ({ answer, answer_confidence: "yes", answer_id: i + 1 })),
    image_id,
    answer_type: "other",
    question_id,
  })),
});

const times = (count: number, answer: string) => Array.from({ length: count }, () => answer);

/** Eight of nine that make «yes», «2» and «no» known in this order; about an image without an image or a known answer. */
const filler: readonly Asked[] = [...times(8, "Yes"), ...times(9, "two"), ...times(9, "no."), ...times(7, "rare")].map(
  (major, i): Asked => [500, 5000 + i, "?", major, "unheard of"],
);

const train: readonly Asked[] = [
  [7, 70, "Is it?", "yes", ...times(3, "yes"), "Yes", ...times(2, "no"), "2", "maybe", "perhaps", "well"],
  [3, 30, "How many?", "rare", ...times(10, "rare")],
  [9, 90, "How many dogs?", "two", "two", "2", "Two.", ...times(7, "three")],
  [7, 71, "And?", "no", ...times(10, "no")],
  ...filler,
];
const val: readonly Asked[] = [
  [12, 120, "Val?", "yes", ...times(10, "yes")],
  [11, 110, "Gone?", "no", ...times(10, "no")],
];
const jpeg = (folder: string, image: number) => `${folder}/COCO_${folder}_${String(image).padStart(12, "0")}.jpg`;

async function vqaSource() {
  return folderWith({
    "vqav2/v2_OpenEnded_mscoco_train2014_questions.json": questions(train),
    "vqav2/v2_OpenEnded_mscoco_val2014_questions.json": questions(val),
    "v2_OpenEnded_mscoco_test2015_questions.json": questions([
      [1, 10, "Test?", ""],
      [1, 11, "Again?", ""],
      [2, 20, "Two?", ""],
    ]),
    "v2_OpenEnded_mscoco_test-dev2015_questions.json": questions([[2, 20, "Two?", ""]]),
    "vqav2/v2_mscoco_train2014_annotations.json": annotations(train),
    "vqav2/v2_mscoco_val2014_annotations.json": annotations(val),
    ...(await images({
      [jpeg("train2014", 3)]: 3,
      [jpeg("train2014", 7)]: 7,
      [jpeg("train2014", 9)]: 9,
      [jpeg("val2014", 12)]: 12,
      [jpeg("test2015", 1)]: 1,
      [jpeg("test2015", 2)]: 2,
    })),
  });
}

const fourSplits = ["train", "val", "test", "test-dev"];
const answersOf = async (out: string): Promise<unknown> =>
  JSON.parse(await readFile(join(out, "answers.json"), "utf8"));

test("vqav2: vocabulary by first appearance, scores of normalised answers, questions and images without known answers dropped", async () => {
  const out = await temporaryFolder();
  const report = await prepareDataset("vqav2", { source: await vqaSource(), out, splits: fourSplits });
  expect(await answersOf(out)).toEqual(["yes", "2", "no"]);
  expect(report.answers).toBe(3);
  expect(report.tables.map(({ file, rows, texts, leftOut }) => [file, rows, texts, leftOut.count])).toEqual([
    ["vqav2_train_fix.arrow", 2, 3, 0],
    ["vqav2_val_fix.arrow", 1, 1, 1],
    ["vqav2_test_fix.arrow", 2, 3, 0],
    ["vqav2_test-dev_fix.arrow", 1, 1, 0],
  ]);
  expect(await readTable(out, "vqav2_train_fix.arrow")).toEqual({
    types,
    batches: 1,
    rows: [
      {
        image: await imageBytes(7),
        questions: ["Is it?", "And?"],
        answers: [["yes", "no", "2"], ["no"]],
        answer_labels: [[0, 2, 1], [2]],
        answer_scores: [[1, 0.6, 0.3], [1]],
        image_id: 7,
        question_id: [70, 71],
        split: "train",
      },
      {
        image: await imageBytes(9),
        questions: ["How many dogs?"],
        answers: [["2"]],
        answer_labels: [[1]],
        answer_scores: [[0.9]],
        image_id: 9,
        question_id: [90],
        split: "train",
      },
    ],
  });
  const none = { answers: [], answer_labels: [], answer_scores: [] };
  expect(await readTable(out, "vqav2_test-dev_fix.arrow")).toEqual({
    types,
    batches: 1,
    rows: [
      { image: await imageBytes(2), questions: ["Two?"], ...none, image_id: 2, question_id: [20], split: "test-dev" },
    ],
  });
});

test("vqav2: answers as they were typed, under other names, with the same vocabulary", async () => {
  const out = await temporaryFolder();
  const source = await vqaSource();
  await prepareDataset("vqav2", { source, out, splits: ["train", "test"], rawAnswers: true });
  expect(await answersOf(out)).toEqual(["yes", "2", "no"]);
  const { rows } = await readTable(out, "vqav2_train.arrow");
  expect(rows.map(({ answer_labels, answer_scores }) => [answer_labels, answer_scores])).toEqual([
    [
      [[0, 2, 1], [2]],
      [[0.9, 0.6, 0.3], [1]],
    ],
    [[[1]], [[0.3]]],
  ]);
  expect((await readTable(out, "vqav2_test.arrow")).rows.map(({ split }) => split)).toEqual(["test", "test"]);
  const report = await prepareDataset("vqav2", { source, out, splits: ["train"] });
  expect(report.tables).toMatchObject([{ file: "vqav2_train_fix.arrow", kept: false }]);
});

test("vqav2: test needs no annotations, and a lost list is made again", async () => {
  const source = await folderWith({
    "v2_OpenEnded_mscoco_test2015_questions.json": questions([[1, 10, "Test?", ""]]),
    [jpeg("test2015", 1)]: await imageBytes(1),
  });
  const out = await temporaryFolder();
  expect((await prepareDataset("vqav2", { source, out, splits: ["test"] })).answers).toBeUndefined();

  const all = await vqaSource();
  const tables = await temporaryFolder();
  await prepareDataset("vqav2", { source: all, out: tables, splits: ["train"] });
  await put(tables, "answers.json", '["another"]');
  const splits = ["val"];
  await expect(prepareDataset("vqav2", { source: all, out: tables, splits })).rejects.toThrow(
    "the 3 answers of these annotations, found 1 others",
  );
  await prepareDataset("vqav2", { source: all, out: tables, splits, force: true });
  expect(await answersOf(tables)).toEqual(["yes", "2", "no"]);
});

test("vqav2: the last 1000 readable images of val are held out, and both parts together are val", async () => {
  const many = Array.from({ length: 1005 }, (_, i): Asked => [i, i, `${i}?`, "yes", "yes"]);
  const bytes = await imageBytes(1);
  const missing = [2, 600, 1004];
  const source = await folderWith({
    "v2_OpenEnded_mscoco_val2014_questions.json": questions(many),
    "v2_mscoco_train2014_annotations.json": annotations([]),
    "v2_mscoco_val2014_annotations.json": annotations(many),
    ...Object.fromEntries(
      many.filter(([image]) => !missing.includes(image)).map(([image]) => [jpeg("val2014", image), bytes]),
    ),
  });
  const out = await temporaryFolder();
  const report = await prepareDataset("vqav2", { source, out, splits: ["trainable_val", "rest_val"] });
  expect(report.tables.map(({ file, rows, leftOut }) => [file, rows, leftOut.count])).toEqual([
    ["vqav2_trainable_val_fix.arrow", 2, 1],
    ["vqav2_rest_val_fix.arrow", 1000, 2],
  ]);
  const [trainable, rest] = await Promise.all(report.tables.map(({ file }) => readTable(out, file)));
  const readable = many.map(([image]) => image).filter((image) => !missing.includes(image));
  expect([...trainable!.rows, ...rest!.rows].map(({ image_id }) => image_id)).toEqual(readable);
  expect(trainable!.rows.map(({ image_id, split }) => [image_id, split])).toEqual([
    [0, "val"],
    [1, "val"],
  ]);
}, 30_000);

test.each([
  ["answers to an unknown question", [] as Asked[], val, "annotation 0: expected the answers to a question"],
  ["a question without answers", val, val.slice(1), "question_id 120: expected answers in the annotations, found none"],
  ["a question twice", [...val, val[0]!], val, "question 2: expected each question once"],
  ["too few images to cut", val, val, "more than 1000 images to cut in two, found 2"],
])("vqav2: %s", async (_, asked, answered, message) => {
  const source = await folderWith({
    "v2_OpenEnded_mscoco_val2014_questions.json": questions(asked),
    "v2_mscoco_train2014_annotations.json": annotations(train),
    "v2_mscoco_val2014_annotations.json": annotations(answered),
    [jpeg("val2014", 12)]: await imageBytes(12),
    [jpeg("val2014", 11)]: await imageBytes(11),
  });
  const out = await temporaryFolder();
  await expect(prepareDataset("vqav2", { source, out, splits: ["trainable_val"] })).rejects.toThrow(message);
});

const qa = (image_id: number, qa_id: number, question: string, answer: string) => ({
  a_objects: [],
  question,
  image_id,
  qa_id,
  answer,
  q_objects: [],
});

test("vgqa: a question with several known answers is dropped, one answered twice alike is kept once, unknown answers do not count", () => {
  const labels = new Map([
    ["yes", 0],
    ["2", 1],
    ["no", 2],
  ]);
  const kept = knownAnswers(
    [
      qa(1, 1, "Is it?", "Yes."),
      qa(1, 2, "How many?", "A few."),
      qa(1, 3, "Really?", "Yes."),
      qa(1, 4, "Is it?", "yes"),
      qa(1, 5, "Really?", "No."),
      qa(1, 6, "How many?", "Two."),
      qa(1, 7, "Is it?", "Perhaps."),
      qa(1, 8, "Really?", "No."),
      qa(1, 9, "is it?", "No."),
    ],
    labels,
  );
  expect(kept.map(({ qa_id, answer }) => [qa_id, answer])).toEqual([
    [1, "yes"],
    [6, "2"],
    [9, "no"],
  ]);
});

const genomeImages = Array.from({ length: 40 }, (_, i) => ({ image_id: i + 1, coco_id: i % 2 === 0 ? 100 + i : null }));
const karpathy = { train: new Set([100, 102, 104]), val: new Set([106]), test: new Set([108, 110]) };

test("vgqa: images of COCO follow Karpathy, the others fill test and val, and the draw is always the same", () => {
  const coco = splitGenome(genomeImages, karpathy, true);
  expect([[...coco.train], [...coco.val].sort((a, b) => a - b)]).toEqual([
    [1, 3, 5],
    [7, 9, 11],
  ]);
  const full = splitGenome(genomeImages, karpathy, false, 5);
  expect(full.val.size).toBe(10);
  expect(full.train.size).toBe(30);
  expect([1, 3, 5].every((image) => full.train.has(image))).toBe(true);
  expect([7, 9, 11].every((image) => full.val.has(image))).toBe(true);
  expect(splitGenome(genomeImages, karpathy, false, 5)).toEqual(full);
  expect([...full.val].sort((a, b) => a - b)).toMatchInlineSnapshot(`
    [
      7,
      9,
      11,
      13,
      17,
      25,
      29,
      30,
      33,
      40,
    ]
  `);
});

test("vgqa: tables of both splits, with the labels of the list that is there", async () => {
  const source = await folderWith({
    "annotations/question_answers.json": [
      { id: 1, qas: [qa(1, 986, "What color?", "Yes."), qa(1, 987, "How many?", "Two")] },
      { id: 2, qas: [] },
      { id: 5, qas: [qa(5, 55, "What?", "Unknown thing.")] },
      { id: 7, qas: [qa(7, 77, "Who?", "no")] },
      { id: 2000, qas: [qa(2000, 88, "Where?", "the 2")] },
    ],
    "image_data.json": [1, 2, 5, 7, 2000].map((image_id) => ({
      image_id,
      coco_id: image_id === 2000 ? null : 100 + image_id,
      flickr_id: null,
      url: `https://x/VG_100K_2/${image_id}.jpg`,
      width: 800,
      height: 600,
    })),
    "coco_splits/karpathy_train_images.txt":
      "train2014/COCO_train2014_000000000101.jpg 101\ntrain2014/COCO_train2014_000000000105.jpg 105\n",
    "coco_splits/karpathy_val_images.txt": "val2014/COCO_val2014_000000000102.jpg 102\n",
    "coco_splits/karpathy_test_images.txt": "val2014/COCO_val2014_000000000107.jpg 107\n",
    "VG_100K/1.jpg": await imageBytes(1),
    "VG_100K_2/7.jpg": await imageBytes(7),
    "VG_100K_2/2000.jpg": await imageBytes(200),
  });
  const out = await temporaryFolder();
  const splits = ["coco_train", "coco_val", "val"];
  await expect(prepareDataset("vgqa", { source, out, splits })).rejects.toThrow(
    "Run bridgetower prepare vqav2 with this --out first",
  );
  await put(out, "answers.json", '["yes","2","no"]');
  const report = await prepareDataset("vgqa", { source, out, splits });
  expect(report.tables.map(({ file, rows, texts }) => [file, rows, texts])).toEqual([
    ["vgqa_val.arrow", 2, 2],
    ["vgqa_coco_train.arrow", 1, 2],
    ["vgqa_coco_val.arrow", 1, 1],
  ]);
  expect(await readTable(out, "vgqa_coco_train.arrow")).toEqual({
    types,
    batches: 1,
    rows: [
      {
        image: await imageBytes(1),
        questions: ["What color?", "How many?"],
        answers: [["yes"], ["2"]],
        answer_labels: [[0], [1]],
        answer_scores: [[1], [1]],
        image_id: 1,
        question_id: [986, 987],
        split: "train",
      },
    ],
  });
  // Image 2000 is not in COCO: the full split drew it for test, which the table of val holds too.
  expect((await readTable(out, "vgqa_val.arrow")).rows.map(({ image_id, split }) => [image_id, split])).toEqual([
    [7, "val"],
    [2000, "val"],
  ]);
  await put(out, "answers.json", '["yes","no","2","more"]');
  await expect(prepareDataset("vgqa", { source, out, splits })).rejects.toThrow("one from other source files");
});

test("vgqa: makes the vocabulary if the annotations of VQAv2 exist", async () => {
  const source = await vqaSource();
  await put(source, "question_answers.json", [{ id: 1, qas: [qa(1, 1, "?", "Yes.")] }]);
  await put(source, "image_data.json", [{ image_id: 1, coco_id: 101 }]);
  for (const part of ["train", "val", "test"]) {
    await put(source, `karpathy_${part}_images.txt`, part === "train" ? "COCO_train2014_000000000101.jpg\n" : "");
  }
  await put(source, "VG_100K/1.jpg", await imageBytes(1));
  const out = await temporaryFolder();
  const options = { source, out, splits: ["coco_train"] };
  expect((await prepareDataset("vgqa", options)).answers).toBe(3);
  expect(await answersOf(out)).toEqual(["yes", "2", "no"]);
  expect((await prepareDataset("vgqa", options)).tables).toMatchObject([{ kept: true }]);
});
