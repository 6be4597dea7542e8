import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parquetReadObjects } from "hyparquet";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { expect, test, vi } from "vitest";

import { complaint, fixtures, opened, imageBytes, imagesOf, temporaryFolder } from "../tables.test-support.js";

test("as Hugging Face writes it: structs of bytes and path, lists of captions, row groups as blocks", async () => {
  const dataset = await opened(join(fixtures, "hugging-face.parquet"));
  expect([dataset.rows, dataset.blocks]).toEqual([5, [0, 2, 4]]);
  // Of two equal captions the first stays.
  expect(dataset.texts(4).captions).toEqual(["caption 4"]);
  expect([...dataset.counts.captions]).toEqual([0, 1, 1, 0, 1]);
  for (const row of [4, 0, 1, 3]) expect(await imagesOf(dataset, row)).toEqual([imageBytes(row)]);
  expect(await complaint(fixtures, dataset.images(2)[0]!.read())).toBe(
    'hugging-face.parquet, row 2, column "image": expected an image, found none. Leave the row out, or write its image into the file.',
  );
});

test.each(["snappy", "gzip", "zstd", "lz4", "brotli", "none"])(
  "%s: pages with and without dictionary",
  async (codec) => {
    const path = join(fixtures, `plain-${codec}.parquet`);
    const dataset = await opened(path);
    for (const row of [11, 0, 5, 6, 3]) expect(await imagesOf(dataset, row)).toEqual([imageBytes(row % 4)]);
    expect(dataset.texts(7)).toEqual({
      captions: ["caption 7"],
      questions: [
        { question: "question 7", answers: [{ answer: "yes", score: 0.3 }] },
        { question: "why?", answers: [] },
      ],
      hypotheses: [],
      statements: [],
      negatives: [],
    });
  },
);

test("hyparquet's own reader sees the same", async () => {
  const path = join(fixtures, "plain-none.parquet");
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const rows = await parquetReadObjects({ file, utf8: false });
  const dataset = await opened(path);
  expect(rows.length).toBe(dataset.rows);
  for (const [row, { image, caption }] of rows.entries()) {
    expect(await imagesOf(dataset, row)).toEqual([image]);
    expect(dataset.texts(row).captions).toEqual([caption]);
  }
});

test("reading an image reads one page, and the next image of that page reads none", async () => {
  const path = join(await temporaryFolder(), "x.parquet");
  const image = {
    name: "image",
    type: "BYTE_ARRAY",
    encoding: "PLAIN",
    data: Array.from({ length: 40 }, (_, i) => imageBytes(i)),
  } as const;
  await writeFile(
    path,
    new Uint8Array(parquetWriteBuffer({ columnData: [image], pageSize: 1000, codec: "UNCOMPRESSED" })),
  );
  const dataset = await opened(path);
  await dataset.images(39)[0]!.read();
  const handle = await open(path);
  const read = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "read");
  await handle.close();
  const bytesRead = () => read.mock.calls.reduce((sum, call) => sum + Number((call as unknown[])[2]), 0);
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(0)]);
  expect(bytesRead()).toBeGreaterThan(100);
  expect(bytesRead()).toBeLessThan(2000);
  read.mockClear();
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect(bytesRead()).toBe(0);
  read.mockRestore();
});

async function written(columnData: ColumnSource[]): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder();
  const path = join(folder, "x.parquet");
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData, codec: "UNCOMPRESSED" })));
  return { folder, path };
}

const image: ColumnSource = { name: "image", type: "BYTE_ARRAY", data: [imageBytes(0), imageBytes(1)] };

test.each<[name: string, columns: ColumnSource[]]>([
  ["images as numbers", [{ name: "image", type: "DOUBLE", data: [1.5] }]],
  ["captions as numbers", [image, { name: "caption", type: "DOUBLE", data: [1.5, 2] }]],
  ["captions as bytes", [image, { name: "caption", type: "BYTE_ARRAY", data: [imageBytes(1), imageBytes(2)] }]],
  ["no images", [{ name: "caption", type: "STRING", data: ["a"] }]],
  ["no rows", [{ name: "image", type: "BYTE_ARRAY", data: [] }]],
])("refuses, naming the column: %s", async (_, columns) => {
  const { folder, path } = await written(columns);
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test("columns by the names that the user gives", async () => {
  const { folder, path } = await written([
    { name: "jpg", type: "BYTE_ARRAY", data: [imageBytes(0)] },
    { name: "alt", type: "STRING", data: ["words"] },
  ]);
  const dataset = await opened({ path, columns: { image: "jpg", caption: "alt" } });
  expect([dataset.texts(0).captions, await imagesOf(dataset, 0)]).toEqual([["words"], [imageBytes(0)]]);
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test.each<[name: string, change: (bytes: Buffer) => Buffer]>([
  ["cut short", (bytes) => bytes.subarray(0, bytes.length - 1)],
  ["eleven bytes", (bytes) => bytes.subarray(0, 11)],
  ["encrypted", (bytes) => Buffer.concat([bytes.subarray(0, -4), Buffer.from("PARE")])],
  [
    "a footer longer than the file",
    (bytes) => Buffer.concat([bytes.subarray(0, -8), Buffer.from("ffffff7f50415231", "hex")]),
  ],
  ["a footer of zeros", (bytes) => Buffer.concat([bytes.subarray(0, -3000), Buffer.alloc(2992), bytes.subarray(-8)])],
])("refuses: %s", async (_, change) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.parquet");
  await writeFile(path, change(await readFile(join(fixtures, "plain-snappy.parquet"))));
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test("levels after the last value", async () => {
  const { folder, path } = await written([
    image,
    { name: "caption", type: "STRING", data: ["a", null], nullable: true, encoding: "PLAIN" },
  ]);
  const bytes = await readFile(path);
  // Definition levels of the captions, one bit-packed run, and the only caption.
  const levels = bytes.indexOf(Buffer.from("03010100000061", "hex"));
  expect(levels).toBeGreaterThan(0);
  // Repeated 63 times.
  bytes.set([63 << 1], levels);
  await writeFile(path, bytes);
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});
