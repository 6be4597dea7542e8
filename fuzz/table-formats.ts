/** Data sets: Arrow, Parquet, WebDataset archives, tables of text, and annotations in JSON. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { pack } from "tar-stream";

import { openDataset } from "../src/data/index.js";
import { maxRatios } from "../src/data/readers/compression-ratios.js";
import { jsonElements } from "../src/data/readers/json-elements.js";
import { mutateTar } from "./archive-mutations.js";
import { type Format, type MemoryBound, plainBound } from "./format.js";
import { fixture, jsonFormat } from "./sample-files.js";
import { mutateArrow, mutateParquet, mutateText } from "./table-mutations.js";

const readers = fixture("src/data/readers/fixtures");

/** Of files whose parts may be compressed as much as zstd can. */
const compressedBound: MemoryBound = { ...plainBound, perByte: maxRatios.zstd };

/** Reads every text and every image of a data set. */
async function readDataset(path: string): Promise<void> {
  await using dataset = await openDataset(path);
  for (let row = 0; row < dataset.rows; row++) {
    dataset.texts(row);
    for (const image of dataset.images(row)) await image.read();
  }
}

async function fixturesOf(ending: string): Promise<Uint8Array[]> {
  const names = (await readdir(readers)).filter((name) => name.endsWith(ending)).sort();
  return Promise.all(names.map((name) => readFile(join(readers, name))));
}

async function tar(members: Readonly<Record<string, string | Uint8Array>>): Promise<Uint8Array> {
  const stream = pack();
  for (const [name, body] of Object.entries(members)) stream.entry({ name }, Buffer.from(body as Uint8Array));
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const image = Uint8Array.from({ length: 120 }, (_, i) => (i * 7) % 251);
const table = [
  "image,caption,split",
  '000.png,"a cat, asleep",train',
  '001.png,"two ""dogs""",val',
  "000.png,a dog,train",
  "",
];

const textFormat = (name: string, file: string, samples: readonly string[]): Format => ({
  name,
  file,
  others: { "000.png": fixture("examples/images/000.png"), "001.png": fixture("examples/images/001.png") },
  samples: () => Promise.resolve(samples.map((text) => Buffer.from(text))),
  mutate: mutateText,
  read: readDataset,
  bound: plainBound,
});

export const tableFormats: readonly Format[] = [
  {
    name: "arrow",
    file: "x.arrow",
    samples: () => fixturesOf(".arrow"),
    mutate: mutateArrow,
    read: readDataset,
    bound: compressedBound,
  },
  {
    name: "parquet",
    file: "x.parquet",
    samples: () => fixturesOf(".parquet"),
    mutate: mutateParquet,
    read: readDataset,
    bound: compressedBound,
  },
  {
    name: "tar",
    file: "x.tar",
    samples: async () => [
      await tar({ "a.jpg": image, "a.txt": "a cat", "b.png": image, "b.json": '{"caption": "two dogs"}' }),
      await tar({
        [`${"deep/".repeat(30)}a.jpg`]: image,
        "__info__.json": "{}",
        "c.image_0.jpg": image,
        "c.image_1.jpg": image,
      }),
      await tar({ "a.jpg": image, "a.json": '{"questions": [{"question": "what?", "answer": "dog"}]}', "a.cls": "3" }),
    ],
    mutate: mutateTar,
    read: readDataset,
    bound: plainBound,
  },
  textFormat("csv", "x.csv", [
    table.join("\n"),
    table.join("\r\n").replaceAll(",", ";"),
    "sep=;\nimage;question;answer\n000.png;what?;dog\n",
  ]),
  textFormat("tsv", "x.tsv", [
    'image\tcaption\n000.png\ta "small" dog\n001.png\ttwo\n',
    "image_0\timage_1\tstatement\tlabel\n000.png\t001.png\tboth\tTrue\n",
  ]),
  textFormat("jsonl", "x.jsonl", [
    '{"image": "000.png", "caption": "a cat"}\n{"image": "001.png", "captions": ["a", "b"], "score": NaN}\n',
    '{"image": "000.png", "questions": [{"question": "what?", "answers": [{"answer": "dog", "score": 0.3}]}]}\n',
    '{"images": ["000.png", "001.png"], "statement": "both", "label": true}\n',
  ]),
  jsonFormat({
    name: "json-lines-values",
    file: "x.jsonl",
    others: { "000.png": fixture("examples/images/000.png") },
    samples: [
      { image: "000.png", captions: ["a", "b"], split: "train" },
      { image: "000.png", questions: [{ question: "what?", answers: ["dog", { answer: "cat", score: 1 }] }] },
      { image: "000.png", hypotheses: [{ hypothesis: "a dog", label: "entailment" }], negatives: ["no dog"] },
    ],
    read: readDataset,
  }),
  jsonFormat({
    name: "annotations",
    file: "x.json",
    samples: [{ info: {}, annotations: [{ id: 1, answers: [{ answer: 'a \\" b' }] }, [1, [2]], "x"], license: "y" }],
    read: async (path) => {
      for await (const element of jsonElements(path, { key: "annotations" })) JSON.stringify(element.index);
    },
  }),
];
