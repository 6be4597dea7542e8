import { copyFile, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import {
  Binary,
  Field,
  LargeBinary,
  RecordBatchReader,
  Schema,
  Table,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test, vi } from "vitest";

import { complaint, fixtures, opened, imageBytes, imagesOf, temporaryFolder } from "../tables.test-support.js";
import { type BatchClaims, streamHead } from "./arrow-fixture.test-support.js";

test("captions as pandas writes them: duplicates leave the first, images are the bytes", async () => {
  const dataset = await opened(join(fixtures, "captions.arrow"));
  expect(dataset.rows).toBe(5);
  expect(dataset.texts(3).captions).toEqual(["caption 3", "the same", "ein Bär über 3"]);
  expect([...dataset.counts.captions]).toEqual([3, 3, 3, 3, 3]);
  expect([...dataset.counts.questions]).toEqual([0, 0, 0, 0, 0]);
  expect(dataset.blocks).toBeUndefined();
  for (const row of [4, 0, 2]) expect(await imagesOf(dataset, row)).toEqual([imageBytes(row)]);
  expect(dataset.images(2)[0]!.name).toBe(`${join(fixtures, "captions.arrow")}, row 2, column "image"`);
});

test("rows of one split by its column", async () => {
  const dataset = await opened({ path: join(fixtures, "captions.arrow"), split: "val" });
  expect([dataset.rows, dataset.texts(1).captions[0]]).toEqual([2, "caption 3"]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(3)]);
  expect(await complaint(fixtures, opened({ path: join(fixtures, "captions.arrow"), split: "test" }))).toBe(
    'captions.arrow: expected rows with split "test", found train, val. Use one of these.',
  );
});

test("VQA: answers with label and score, question ids; test files have none", async () => {
  const dataset = await opened(join(fixtures, "vqa.arrow"));
  expect(dataset.texts(0).questions).toEqual([
    {
      question: "what?",
      questionId: 900,
      answers: [
        { answer: "cat", label: 5, score: 1 },
        { answer: "dog", label: 7, score: 0.3 },
      ],
    },
    { question: "how many?", questionId: 901, answers: [{ answer: "2", label: 11, score: 0.9 }] },
  ]);
  expect([...dataset.counts.questions]).toEqual([2, 1]);
  const unanswered = await opened(join(fixtures, "vqa-test.arrow"));
  expect(unanswered.texts(0).questions).toEqual([
    { question: "what?", questionId: 900, answers: [] },
    { question: "why?", questionId: 901, answers: [] },
  ]);
});

test("SNLI-VE: hypotheses with labels, without their premises", async () => {
  const dataset = await opened(join(fixtures, "snli.arrow"));
  expect(dataset.texts(0).hypotheses).toEqual([
    { text: "a dog runs", label: 2 },
    { text: "a cat sleeps", label: 0 },
  ]);
  expect(dataset.texts(1).hypotheses).toEqual([{ text: "it rains", label: 1 }]);
});

test("NLVR2: statements about two images", async () => {
  const dataset = await opened(join(fixtures, "nlvr2.arrow"));
  expect(dataset.texts(0)).toEqual({
    captions: [],
    questions: [],
    hypotheses: [],
    statements: [
      { text: "both are dogs", label: 1 },
      { text: "none is a dog", label: 0 },
    ],
    negatives: [],
  });
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(0), imageBytes(1)]);
});

test.each(["captions-lz4.arrow", "captions-zstd.arrow"])("%s: compressed batches are blocks", async (name) => {
  const dataset = await opened(join(fixtures, name));
  expect([dataset.rows, dataset.blocks]).toEqual([6, [0, 4]]);
  expect(dataset.texts(5).captions[0]).toBe("caption 5");
  for (const row of [5, 0, 3]) expect(await imagesOf(dataset, row)).toEqual([imageBytes(row)]);
});

test("a split in a dictionary column", async () => {
  const dataset = await opened({ path: join(fixtures, "captions-lz4.arrow"), split: "val" });
  expect([dataset.rows, dataset.blocks, dataset.texts(2).captions[0]]).toEqual([3, [0, 2], "caption 5"]);
});

test("the stream format with structs of bytes and path; a row without image and text is left out", async () => {
  const dataset = await opened(join(fixtures, "saved.arrow"));
  expect(Array.from({ length: dataset.rows }, (_, row) => dataset.texts(row).captions)).toEqual([
    [],
    ["caption 1"],
    ["caption 2"],
    [],
    ["caption 4"],
  ]);
  expect(await imagesOf(dataset, 4)).toEqual([imageBytes(4)]);
  expect(await complaint(fixtures, dataset.images(2)[0]!.read())).toBe(
    'saved.arrow, row 2, column "image": expected an image, found none. Leave the row out, or write its image into the file.',
  );
});

test.each(["views.arrow", "views-zstd.arrow"])("%s: views of texts and images, as polars writes them", async (name) => {
  const dataset = await opened(join(fixtures, name));
  expect(Array.from({ length: dataset.rows }, (_, row) => dataset.texts(row).captions)).toEqual([
    ["a cat"],
    ["a caption of more than twelve bytes 1"],
    [],
    ["ein Bär über allem"],
    ["last"],
  ]);
  const images = [imageBytes(0), imageBytes(1), new TextEncoder().encode("short"), imageBytes(3)];
  for (const [row, image] of images.entries()) expect(await imagesOf(dataset, row)).toEqual([image]);
  expect(dataset.blocks).toEqual(name === "views.arrow" ? undefined : [0, 3]);
  expect(await complaint(fixtures, dataset.images(4)[0]!.read())).toContain("expected an image, found none");
});

test.each(["paths.arrow", "paths.parquet"])("%s: images that are not in the file are read beside it", async (name) => {
  const folder = await temporaryFolder();
  await copyFile(join(fixtures, name), join(folder, name));
  const dataset = await opened(join(folder, name));
  expect(dataset.rows).toBe(3);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect(await complaint(folder, dataset.images(0)[0]!.read())).toContain(
    `${name}, row 0, column "image": expected an image, or its file at 0.png, found only the path "0.png": the image is not in the file.`,
  );
  await writeFile(join(folder, "0.png"), imageBytes(0));
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(0)]);
  // Paths in files of data do not lead out of their folder, whether or not there is such a file.
  expect(await complaint(folder, dataset.images(2)[0]!.read())).toContain('found only the path "../0.png"');
});

test.each(["plain-paths.arrow", "plain-paths-views.arrow", "plain-paths.parquet"])(
  "%s: a column of texts has the paths of images",
  async (name) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "images"));
    for (const i of [0, 1]) await writeFile(join(folder, "images", `${i}.png`), imageBytes(i));
    await copyFile(join(fixtures, name), join(folder, name));
    const dataset = await opened(join(folder, name));
    for (const i of [0, 1]) expect(await imagesOf(dataset, i)).toEqual([imageBytes(i)]);
    const problems = [2, 3, 4].map((row) => complaint(folder, imagesOf(dataset, row)));
    expect((await Promise.all(problems)).map((problem) => problem.replace(name, "FILE"))).toEqual([
      'FILE, row 2, column "image": expected an image, or a path below ., found only the path "../0.png": the image is not in the file. Write the bytes of the images into the file (in datasets: save it with embedded files), or put them beside it.',
      'FILE, row 3, column "image": expected an image, or a path below ., found the address "https://example.org/0.png". Download the images first and use the paths of the files.',
      'FILE, row 4, column "image": expected an image, or a path below ., found an image in base64 of 440 characters. Decode the images into files and name them, or write their bytes into a Parquet file.',
    ]);
  },
);

test("rows of several splits are found in a column", async () => {
  expect((await opened(join(fixtures, "captions.arrow"))).mixedSplits).toEqual(["train", "val"]);
  expect((await opened(join(fixtures, "captions-lz4.arrow"))).mixedSplits).toEqual(["train", "val"]);
  expect((await opened({ path: join(fixtures, "captions.arrow"), split: "val" })).mixedSplits).toBeUndefined();
  expect((await opened(join(fixtures, "captions.arrow"))).report).toMatchObject({ records: 5, repeatedCaptions: 5 });
  expect((await opened(join(fixtures, "saved.arrow"))).report).toMatchObject({
    records: 6 - 1,
    emptyRecords: 0,
    recordsWithoutText: 2,
  });
});

test("the reader of apache-arrow sees the same rows", async () => {
  const path = join(fixtures, "captions.arrow");
  const dataset = await opened(path);
  const reader = await RecordBatchReader.from(readFile(path));
  let row = 0;
  for await (const batch of reader) {
    for (let i = 0; i < batch.numRows; i++, row++) {
      const captions = batch.getChild("caption")!.get(i) as Iterable<string>;
      expect(dataset.texts(row).captions).toEqual([...new Set(captions)]);
      expect(await imagesOf(dataset, row)).toEqual([batch.getChild("image")!.get(i)]);
    }
  }
  expect(row).toBe(dataset.rows);
});

test("reading one image reads its bytes and no others", async () => {
  const path = join(fixtures, "captions.arrow");
  const dataset = await opened(path);
  const handle = await open(path);
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const read = vi.spyOn(prototype, "read");
  await dataset.images(4)[0]!.read();
  expect(read.mock.calls.map((call) => (call as unknown[])[2])).toEqual([imageBytes(4).length]);
  read.mockRestore();
});

const schema = new Schema([new Field("image", new LargeBinary(), false), new Field("caption", new Utf8(), false)]);
const text = (value: string) => new TextEncoder().encode(value);

test("a file of 3 GB with one batch is opened and read in parts", async () => {
  const path = join(await temporaryFolder(), "large.arrow");
  const hole = 3 * 2 ** 30;
  const head = streamHead(schema, {
    rows: 2,
    nodes: [
      [2, 0],
      [2, 0],
    ],
    buffers: [
      [0, 0],
      [0, 24],
      [64, hole + 7],
      [0, 0],
      [24, 12],
      [40, 9],
    ],
    bodyLength: 64 + hole + 64,
  });
  const handle = await open(path, "w");
  await handle.write(head, 0, head.length, 0);
  const offsets = new Uint8Array(new BigInt64Array([0n, BigInt(hole), BigInt(hole) + 7n]).buffer);
  await handle.write(offsets, 0, 24, head.length);
  await handle.write(new Uint8Array(new Int32Array([0, 5, 9]).buffer), 0, 12, head.length + 24);
  await handle.write(text("firstlast"), 0, 9, head.length + 40);
  await handle.write(text("the end"), 0, 7, head.length + 64 + hole);
  await handle.truncate(head.length + 64 + hole + 64);
  await handle.close();
  const dataset = await opened(path);
  expect([dataset.texts(0).captions, dataset.texts(1).captions]).toEqual([["first"], ["last"]]);
  expect(await complaint(path, dataset.images(0)[0]!.read())).toContain("at most 268435456 bytes, found 3221225472");
  expect(await imagesOf(dataset, 1)).toEqual([text("the end")]);
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(2 ** 28);
});

const body = Buffer.concat([
  new Uint8Array(new BigInt64Array([0n, 3n, 6n]).buffer),
  new Uint8Array(new Int32Array([0, 5, 9]).buffer),
  text("firstlast"),
  text("abcdef"),
]);
const honest: BatchClaims = {
  rows: 2,
  nodes: [
    [2, 0],
    [2, 0],
  ],
  buffers: [
    [0, 0],
    [0, 24],
    [45, 6],
    [0, 0],
    [24, 12],
    [36, 9],
  ],
  bodyLength: body.length,
};
const buffersWith = (index: number, range: readonly [number, number]) => honest.buffers.with(index, range);

test.each<[name: string, claims: Partial<BatchClaims>, body: Uint8Array]>([
  ["a buffer outside of its batch", { buffers: buffersWith(2, [45, 7]) }, body],
  ["a buffer at a negative place", { buffers: buffersWith(2, [-8, 6]) }, body],
  ["offsets that are too few", { buffers: buffersWith(1, [0, 16]) }, body],
  ["images shorter than their offsets", { buffers: buffersWith(2, [45, 5]) }, body],
  ["texts shorter than their offsets", { buffers: buffersWith(5, [36, 4]) }, body],
  ["a body longer than the file", { bodyLength: 2 ** 40 }, body],
  ["more rows than values", { rows: 2 ** 40 }, body],
  [
    "2^40 rows everywhere",
    {
      rows: 2 ** 40,
      nodes: [
        [2 ** 40, 0],
        [2 ** 40, 0],
      ],
    },
    body,
  ],
  ["a column too few", { nodes: [[2, 0]] }, body],
  ["a buffer too few", { buffers: honest.buffers.slice(0, 5) }, body],
  [
    "offsets that run backwards",
    {},
    Buffer.concat([new Uint8Array(new BigInt64Array([3n, 0n, 6n]).buffer), body.subarray(24)]),
  ],
  [
    "an offset beyond 2^53",
    {},
    Buffer.concat([new Uint8Array(new BigInt64Array([0n, 3n, 2n ** 60n]).buffer), body.subarray(24)]),
  ],
  ["a body cut short", {}, body.subarray(0, 40)],
])("refuses: %s", async (_, claims, bytes) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.arrow");
  await writeFile(path, Buffer.concat([streamHead(schema, { ...honest, ...claims }), bytes]));
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test("the same file without damage is read", async () => {
  const path = join(await temporaryFolder(), "x.arrow");
  await writeFile(path, Buffer.concat([streamHead(schema, honest), body]));
  const dataset = await opened(path);
  expect([dataset.texts(1).captions, await imagesOf(dataset, 1)]).toEqual([["last"], [text("def")]]);
});

test.each<[name: string, columns: Record<string, Vector>]>([
  ["images as numbers", { image: vectorFromArray([1.5]) }],
  ["paths in a dictionary", { image: vectorFromArray(["a.png"]) }],
  ["captions as numbers", { image: vectorFromArray([text("a")], new Binary()), caption: vectorFromArray([1.5]) }],
  ["captions as dates", { image: vectorFromArray([text("a")], new Binary()), caption: vectorFromArray([new Date(0)]) }],
  ["no images", { caption: vectorFromArray(["a"], new Utf8()) }],
  ["no rows", { image: vectorFromArray<Binary>([], new Binary()) }],
])("refuses, naming the column: %s", async (_, columns) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.arrow");
  await writeFile(path, tableToIPC(new Table(columns), "file"));
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test("columns by the names that the user gives", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.arrow");
  const columns = { jpg: vectorFromArray([text("a")], new Binary()), alt: vectorFromArray(["words"], new Utf8()) };
  await writeFile(path, tableToIPC(new Table(columns), "file"));
  const dataset = await opened({ path, columns: { image: "jpg", caption: "alt" } });
  expect([dataset.texts(0).captions, await imagesOf(dataset, 0)]).toEqual([["words"], [text("a")]]);
  expect(await complaint(folder, opened({ path, columns: { image: "jpgs" } }))).toMatchInlineSnapshot(
    `"x.arrow: expected a column "jpgs" for image, as in the settings, found jpg, alt. The nearest is jpg."`,
  );
});
