/** Small copies of each published data set. The tables are read back and compared value by value. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareDataset, type PrepareProgress } from "./prepare-dataset.js";
import {
  folderWith,
  jsonLinesOf,
  imageBytes,
  images,
  put,
  readTable,
  temporaryFolder,
} from "./sources.test-support.js";

const captionTypes = { image: "Binary?", caption: "List<Utf8>?", image_id: "Utf8?", split: "Utf8?" };
const whole = { count: 0, first: [] };

/** As in Karpathy's files, with unused fields. */
const karpathyImage = (filename: string, split: string, ...captions: string[]) => ({
  filepath: "x",
  sentids: [1, 2],
  filename,
  imgid: 0,
  split,
  sentences: captions.map((raw, sentid) => ({ tokens: raw.split(" "), raw, imgid: 0, sentid })),
});

async function cocoSource() {
  return folderWith({
    "karpathy/dataset_coco.json": {
      dataset: "coco",
      images: [
        karpathyImage(
          "COCO_val2014_000000000001.jpg",
          "restval",
          "A man, standing.",
          "A man, standing.",
          "\u00e9t\u00e9",
        ),
        karpathyImage("COCO_train2014_000000000002.jpg", "train", "Two dogs"),
        karpathyImage("COCO_val2014_000000000003.jpg", "test", 'A [bracket] "quote"', "b"),
        karpathyImage("COCO_val2014_000000000004.jpg", "val", "c"),
        karpathyImage("COCO_train2014_000000000005.jpg", "train"),
        karpathyImage("COCO_train2014_000000000006.jpg", "train", "gone"),
        karpathyImage("COCO_val2014_000000000007.jpg", "restval", "d"),
      ],
    },
    "train2014/COCO_train2014_000000000002.jpg": await imageBytes(2),
    "train2014/COCO_train2014_000000000005.jpg": await imageBytes(5),
    "val2014/COCO_val2014_000000000001.jpg": await imageBytes(1),
    "val2014/COCO_val2014_000000000003.jpg": await imageBytes(3),
    "val2014/COCO_val2014_000000000004.jpg": await imageBytes(4),
    "val2014/COCO_val2014_000000000007.jpg": await imageBytes(7),
  });
}

test("coco: a table for each of Karpathy's splits", async () => {
  const out = join(await temporaryFolder(), "made", "tables");
  const report = await prepareDataset("coco", { source: await cocoSource(), out });
  const name = (split: string) => `coco_caption_karpathy_${split}.arrow`;
  const gone = { image: "COCO_train2014_000000000006.jpg", reason: "not there" };
  expect(report).toEqual({
    dataset: "coco",
    out,
    tables: [
      { file: name("train"), rows: 1, texts: 1, leftOut: { count: 1, first: [gone] }, kept: false },
      { file: name("restval"), rows: 2, texts: 4, leftOut: whole, kept: false },
      { file: name("val"), rows: 1, texts: 1, leftOut: whole, kept: false },
      { file: name("test"), rows: 1, texts: 2, leftOut: whole, kept: false },
    ],
  });
  expect((await readdir(out)).sort()).toEqual(["restval", "test", "train", "val"].map(name));
  expect(await readTable(out, name("restval"))).toEqual({
    types: captionTypes,
    batches: 1,
    rows: [
      {
        image: await imageBytes(1),
        caption: ["A man, standing.", "A man, standing.", "\u00e9t\u00e9"],
        image_id: "COCO_val2014_000000000001.jpg",
        split: "restval",
      },
      { image: await imageBytes(7), caption: ["d"], image_id: "COCO_val2014_000000000007.jpg", split: "restval" },
    ],
  });
});

test("f30k: writes only the requested split", async () => {
  const source = await folderWith({
    "dataset_flickr30k.json": {
      images: [karpathyImage("36979.jpg", "val", "a", "b"), karpathyImage("1.jpg", "train", "c")],
    },
    "flickr30k-images/36979.jpg": await imageBytes(1),
  });
  const out = await temporaryFolder();
  await prepareDataset("f30k", { source, out, splits: ["val"] });
  expect(await readdir(out)).toEqual(["f30k_caption_karpathy_val.arrow"]);
  const { rows, types } = await readTable(out, "f30k_caption_karpathy_val.arrow");
  expect(types).toEqual(captionTypes);
  expect(rows).toEqual([{ image: await imageBytes(1), caption: ["a", "b"], image_id: "36979.jpg", split: "val" }]);
});

const region = (image_id: number, phrase: string, [width, height, x, y]: number[]) => ({
  region_id: 1382,
  width,
  height,
  image_id,
  phrase,
  y,
  x,
});

test("vg: phrases with the boxes of their regions", async () => {
  const source = await folderWith({
    "annotations/region_descriptions.json": [
      { regions: [region(1, "the clock", [139, 82, 421, 57]), region(1, "a pole", [182, 213, 194, -3])], id: 1 },
      { regions: [], id: 2 },
      { regions: [region(3, "gone", [1, 2, 3, 4])], id: 3 },
      { regions: [region(4, "sky", [5, 6, 7, 8])], id: 4 },
    ],
    "images/VG_100K/1.jpg": await imageBytes(1),
    "images/VG_100K/2.jpg": await imageBytes(2),
    "images/VG_100K_2/4.jpg": await imageBytes(4),
  });
  const out = await temporaryFolder();
  const seen: PrepareProgress[] = [];
  const report = await prepareDataset("vg", { source, out, onProgress: (progress) => seen.push(progress) });
  expect(report.tables[0]).toMatchObject({ rows: 2, texts: 3, leftOut: { count: 1, first: [{ image: "3.jpg" }] } });
  expect(seen.at(-1)).toEqual({ label: "writing vg.arrow", done: 3, total: 3, unit: "items" });
  expect(seen[0]).toMatchObject({ label: "reading region_descriptions.json", unit: "bytes" });
  const numbers = "List<Int64>?";
  expect(await readTable(out, "vg.arrow")).toEqual({
    types: {
      image: "Binary?",
      caption: "List<Utf8>?",
      width: numbers,
      height: numbers,
      x: numbers,
      y: numbers,
      image_id: "Utf8?",
    },
    batches: 1,
    rows: [
      {
        image: await imageBytes(1),
        caption: ["the clock", "a pole"],
        width: [139, 182],
        height: [82, 213],
        x: [421, 194],
        y: [57, -3],
        image_id: "1",
      },
      { image: await imageBytes(4), caption: ["sky"], width: [5], height: [6], x: [7], y: [8], image_id: "4" },
    ],
  });
});

test("sbu: shards of the images that are there", async () => {
  const names = ["a.jpg", "b.jpg", "gone.jpg", "c.jpg", "a.jpg", "d.jpg"];
  const source = await folderWith({
    "sbu-captions-all.json": {
      user_ids: names.map((_, i) => `${i}@N00`),
      captions: names.map((name, i) => `caption ${i} of ${name}`),
      image_urls: names.map((name) => `http://static.flickr.com/2723/${name}`),
    },
    ...(await images({ "SBU/a.jpg": 0, "SBU/b.jpg": 1, "SBU/c.jpg": 2, "SBU/d.jpg": 3, "SBU/other.jpg": 4 })),
  });
  const out = await temporaryFolder();
  const report = await prepareDataset("sbu", { source, out, shardSize: 3 });
  expect(report.absent).toEqual({
    count: 2,
    first: [
      { image: "gone.jpg", reason: "not there" },
      { image: "a.jpg", reason: "named by several captions, of which the last is used" },
    ],
  });
  expect(report.tables.map(({ file, rows }) => [file, rows])).toEqual([
    ["sbu_0.arrow", 3],
    ["sbu_1.arrow", 1],
  ]);
  const { types, rows } = await readTable(out, "sbu_0.arrow");
  expect(types).toEqual(captionTypes);
  expect(rows).toEqual([
    { image: await imageBytes(0), caption: ["caption 4 of a.jpg"], image_id: "a.jpg", split: "train" },
    { image: await imageBytes(1), caption: ["caption 1 of b.jpg"], image_id: "b.jpg", split: "train" },
    { image: await imageBytes(2), caption: ["caption 3 of c.jpg"], image_id: "c.jpg", split: "train" },
  ]);
});

test("cc: captions by the row numbers that images are called after", async () => {
  const source = await folderWith({
    "utils/Train_GCC-training.tsv": "zero\thttp://a/0\none\thttp://a/1\ntwo\thttp://a/2\nthree\thttp://a/3\n",
    "train_image_exist.txt": "/data/train_image/3.jpg\n/data/train_image/0.jpg\n/data/train_image/2.jpg\n",
    "train_image/0.jpg": await imageBytes(0),
    "train_image/2.jpg": "broken",
    "train_image/3.jpg": await imageBytes(3),
    "Validation_GCC-1.1.0-Validation.tsv": "val zero\thttp://b\n",
    "val_image_exist.txt": "val_image/0.jpg\n",
    "val_image/0.jpg": await imageBytes(9),
  });
  const out = await temporaryFolder();
  const report = await prepareDataset("cc", { source, out, shardSize: 2 });
  expect(report.tables.map(({ file, rows, leftOut }) => [file, rows, leftOut.count])).toEqual([
    ["conceptual_caption_train_0.arrow", 1, 1],
    ["conceptual_caption_train_1.arrow", 1, 0],
    ["conceptual_caption_val_0.arrow", 1, 0],
  ]);
  const row = async (n: number, caption: string, image_id: string, split: string) => ({
    image: await imageBytes(n),
    caption: [caption],
    image_id,
    split,
  });
  expect((await readTable(out, "conceptual_caption_train_1.arrow")).rows).toEqual([
    await row(3, "three", "3.jpg", "train"),
  ]);
  expect(await readTable(out, "conceptual_caption_val_0.arrow")).toEqual({
    types: captionTypes,
    batches: 1,
    rows: [await row(9, "val zero", "0.jpg", "val")],
  });
  await put(source, "val_image_exist.txt", "1.jpg\n");
  await expect(prepareDataset("cc", { source, out: await temporaryFolder(), splits: ["val"] })).rejects.toThrow(
    "a row number below 1, as",
  );
});

const pair = (id: string | number, sentence2: string, gold_label: string) => ({
  Flickr30K_ID: id,
  gold_label,
  pairID: `${id}r1`,
  sentence1: `premise of ${id}`,
  sentence2,
});

test("snli: pairs of sentences, gathered by image", async () => {
  const source = await folderWith({
    "snli_ve/snli_ve_dev.jsonl": jsonLinesOf([
      pair("20", "h1", "entailment"),
      pair("10", "h2", "contradiction"),
      pair("20", "h3", "neutral"),
    ]),
    "flickr30k-images/20.jpg": await imageBytes(20),
    "flickr30k-images/10.jpg": await imageBytes(10),
  });
  const out = await temporaryFolder();
  await prepareDataset("snli", { source, out, splits: ["dev"] });
  expect(await readTable(out, "snli_dev.arrow")).toEqual({
    types: { image: "Binary?", sentences: "List<List<Utf8>>?", labels: "List<Int64>?" },
    batches: 1,
    rows: [
      {
        image: await imageBytes(20),
        sentences: [
          ["premise of 20", "h1"],
          ["premise of 20", "h3"],
        ],
        labels: [2, 1],
      },
      { image: await imageBytes(10), sentences: [["premise of 10", "h2"]], labels: [0] },
    ],
  });
});

const statement = (identifier: string, sentence: string, label: string, directory?: number) => ({
  identifier,
  sentence,
  label,
  directory,
  left_url: "https://x",
});

test("nlvr2: pairs of images; a pair with one missing image is skipped", async () => {
  const dev = [statement("dev-850-0-0", "One dog.", "True"), statement("dev-850-0-1", "No dog.", "False")];
  const source = await folderWith({
    "nlvr2/data/train.json": jsonLinesOf([
      statement("train-10171-0-0", "Two birds.", "False", 37),
      statement("train-1-2-0", "gone", "True", 4),
    ]),
    "nlvr2/data/dev.json": jsonLinesOf(dev),
    "nlvr2/data/balanced/balanced_dev.json": jsonLinesOf(dev.slice(1)),
    "images/train/37/train-10171-0-img0.png": await imageBytes(1),
    "images/train/37/train-10171-0-img1.png": await imageBytes(2),
    "images/train/4/train-1-2-img0.png": await imageBytes(3),
    "dev/dev-850-0-img0.png": await imageBytes(4),
    "dev/dev-850-0-img1.png": await imageBytes(5),
  });
  const out = await temporaryFolder();
  const report = await prepareDataset("nlvr2", { source, out, splits: ["balanced_dev", "dev", "train"] });
  expect(report.tables.map(({ file, rows, texts, leftOut }) => [file, rows, texts, leftOut.first])).toEqual([
    ["nlvr2_train.arrow", 1, 1, [{ image: "train-1-2-img1.png", reason: "not there" }]],
    ["nlvr2_dev.arrow", 1, 2, []],
    ["nlvr2_balanced_dev.arrow", 1, 1, []],
  ]);
  expect(await readTable(out, "nlvr2_dev.arrow")).toEqual({
    types: {
      image_0: "Binary?",
      image_1: "Binary?",
      questions: "List<Utf8>?",
      answers: "List<Utf8>?",
      identifier: "Utf8?",
    },
    batches: 1,
    rows: [
      {
        image_0: await imageBytes(4),
        image_1: await imageBytes(5),
        questions: ["One dog.", "No dog."],
        answers: ["True", "False"],
        identifier: "dev-850-0",
      },
    ],
  });
  expect((await readTable(out, "nlvr2_train.arrow")).rows[0]).toMatchObject({
    image_0: await imageBytes(1),
    image_1: await imageBytes(2),
    identifier: "train-10171-0",
  });
});

test("a stopped run resumes with the unfinished table", async () => {
  const source = await cocoSource();
  const out = await temporaryFolder();
  const stop = new AbortController();
  const onProgress = ({ label }: PrepareProgress) => {
    if (label === "writing coco_caption_karpathy_restval.arrow") stop.abort(new Error("stopped"));
  };
  await expect(prepareDataset("coco", { source, out, onProgress, signal: stop.signal })).rejects.toThrow("stopped");
  expect(await readdir(out)).toEqual(["coco_caption_karpathy_train.arrow"]);
  const report = await prepareDataset("coco", { source, out });
  expect(report.tables.map(({ kept }) => kept)).toEqual([true, false, false, false]);
  expect(report.tables[0]).toMatchObject({ rows: 1, leftOut: { count: 1 } });
  const again = await prepareDataset("coco", { source, out });
  expect(again.tables).toEqual(report.tables.map((table) => ({ ...table, kept: true })));
});

test.each([
  ["coco", {}, "one of karpathy/dataset_coco.json, dataset_coco.json, found no such file"],
  ["cocoo", {}, "The nearest is coco"],
  ["toString", {}, "expected a data set: coco, f30k"],
  ["vg", { splits: ["train"] }, 'none, because vg has only one, found "train"'],
  ["f30k", { splits: ["restval"] }, 'splits of f30k: train, val, test, found "restval"'],
  ["coco", { shardSize: 5 }, "--shard-size: expected a data set in shards"],
  ["sbu", { shardSize: 0 }, "a whole number, 1 or more, found 0"],
  ["coco", { rawAnswers: true }, "--raw-answers: expected the data set vqav2"],
  ["f30k", { splits: ["tset"] }, "The nearest is test"],
  ["coco", { shards: 5 }, "prepareDataset: expected one of the options source, out, splits"],
])("%s %j: %s", async (name, options, message) => {
  const [source, out] = [await temporaryFolder(), await temporaryFolder()];
  await expect(prepareDataset(name, { source, out, ...options })).rejects.toThrow(message);
  await expect(prepareDataset("coco", { source: join(source, "no"), out })).rejects.toThrow(
    "--source: expected the folder",
  );
  expect(await readdir(out)).toEqual([]);
});

test("an error of onProgress rejects the call, and an aborted signal stops it before it writes", async () => {
  const source = await cocoSource();
  const out = await temporaryFolder();
  for (const label of ["reading dataset_coco.json", "writing coco_caption_karpathy_train.arrow"]) {
    const error = new Error(label);
    const onProgress = (progress: PrepareProgress) => {
      if (progress.label === label) throw error;
    };
    await expect(prepareDataset("coco", { source, out, onProgress })).rejects.toBe(error);
  }
  const reason = new Error("stopped");
  await expect(prepareDataset("coco", { source, out, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(await readdir(out)).toEqual([]);
});

const good = karpathyImage("a.jpg", "val", "x");
test.each([
  [
    "a path in place of a name",
    { ...good, filename: "../../etc/passwd" },
    "image 1: expected filename to be a name without a path, found something else",
  ],
  ["a missing field", { ...good, split: undefined }, "image 1: expected split to be string, found undefined"],
  ["a wrong type inside", { ...good, sentences: [{ raw: 7 }] }, "expected sentences.0.raw to be string, found number"],
  ["an image twice", good, "image 1: expected each image once, found a.jpg again"],
  ["no object", 3, "image 1: expected the record to be object, found number"],
])("a record with %s is named by file and place", async (_, image, message) => {
  const source = await folderWith({
    "dataset_coco.json": { images: [good, image] },
    "val2014/a.jpg": await imageBytes(1),
  });
  const out = await temporaryFolder();
  await expect(prepareDataset("coco", { source, out, splits: ["val"] })).rejects.toThrow(message);
  expect(await readdir(out)).toEqual([]);
});

test.each([
  [
    "vg",
    "region_descriptions.json",
    [{ regions: [region(1, "a", [1, 1, 1, 1]), region(2, "b", [1, 1, 1, 1])] }],
    "only image 1, found image 2 with it",
  ],
  [
    "vg",
    "region_descriptions.json",
    [1, 2, 1].map((id) => ({ regions: [region(id, "a", [1, 1, 1, 1])] })),
    "element 2: expected each image once",
  ],
  ["vg", "region_descriptions.json", [{ regions: [region(1, "a", [1.5, 1, 1, 1])] }], "regions.0.width to be int"],
  [
    "sbu",
    "sbu-captions-all.json",
    { captions: ["a"], image_urls: ["x/a.jpg", "x/b.jpg"] },
    "2, one for each of image_urls, found 1",
  ],
])("%s: %s with %j is refused", async (name, file, content, message) => {
  const source = await folderWith({ [file]: content, "VG_100K/1.jpg": "", "SBU/a.jpg": "" });
  await expect(prepareDataset(name, { source, out: await temporaryFolder() })).rejects.toThrow(message);
});

test.each([
  ["snli_ve_dev.jsonl", pair("1", "h", "-"), "line 1: expected gold_label to be one of"],
  ["snli_ve_dev.jsonl", pair("../1", "h", "neutral"), "line 1: expected Flickr30K_ID to be a name without a path"],
])("snli: %s with %j is refused", async (file, line, message) => {
  const source = await folderWith({ [file]: jsonLinesOf([line]), "flickr30k-images/1.jpg": "" });
  await expect(prepareDataset("snli", { source, out: await temporaryFolder(), splits: ["dev"] })).rejects.toThrow(
    message,
  );
});

test.each([
  [statement("train-1-0-0", "s", "True"), "a directory, found none"],
  [{ ...statement("train-1-0-0", "s", "True"), directory: "../x" }, "expected directory to be a name without a path"],
  [statement("train", "s", "True", 1), "an identifier such as dev-850-0-0, found train"],
  [statement("train-1-0-0", "s", "true", 1), "expected label to be one of"],
])("nlvr2: %j is refused", async (line, message) => {
  const source = await folderWith({ "train.json": jsonLinesOf([line]) });
  await expect(prepareDataset("nlvr2", { source, out: await temporaryFolder(), splits: ["train"] })).rejects.toThrow(
    message,
  );
});
