import { copyFile, cp, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { expect, test } from "vitest";

import type { Dataset } from "../dataset.js";
import { decodeImage } from "../../processing/index.js";
import { joinDatasets } from "./join-datasets.js";
import { openDataset } from "./open-dataset.js";
import { complaint, fixtures, opened, imageBytes, imagesOf, temporaryFolder } from "./tables.test-support.js";

/** A folder with these fixtures, or empty files if there is no such fixture. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  const known = await readdir(fixtures);
  for (const [name, fixture] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    if (known.includes(fixture)) await copyFile(join(fixtures, fixture), join(folder, name));
    else await writeFile(join(folder, name), fixture, "latin1");
  }
  return folder;
}

test("the first bytes decide the format, not the name", async () => {
  for (const fixture of ["captions.arrow", "saved.arrow", "hugging-face.parquet"]) {
    const folder = await folderOf({ "data.bin": fixture });
    expect((await opened(join(folder, "data.bin"))).rows).toBe(5);
  }
});

test("shards of a folder are one data set, in the order of their numbers", async () => {
  const folder = await folderOf({
    "s-10.arrow": "captions.arrow",
    "s-9.arrow": "captions-lz4.arrow",
    "state.json": "{}",
  });
  const done: number[] = [];
  const dataset = await opened(folder, { onProgress: (now, total) => void done.push(now / total) });
  expect([dataset.name, dataset.rows]).toEqual([folder, 11]);
  expect(dataset.blocks).toEqual([0, 4, 6, 7, 8, 9, 10]);
  expect(dataset.texts(9).captions[0]).toBe("caption 3");
  expect(await imagesOf(dataset, 9)).toEqual([imageBytes(3)]);
  expect(done.at(-1)).toBe(1);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
});

test("a split by the names of files, by subfolder, or by column", async () => {
  const named = await folderOf({
    "train-00000-of-00002.parquet": "hugging-face.parquet",
    "train-00001-of-00002.parquet": "hugging-face.parquet",
    "test-00000-of-00001.parquet": "plain-none.parquet",
  });
  expect((await opened({ path: named, split: "train" })).rows).toBe(10);
  expect(await complaint(named, opened(named))).toMatchSnapshot();
  const published = await folderOf({ "vqav2_test.arrow": "vqa.arrow", "vqav2_test-dev.arrow": "vqa-test.arrow" });
  expect((await opened({ path: published, split: "test-dev" })).rows).toBe(1);
  expect((await opened({ path: published, split: "test" })).rows).toBe(2);
  const folders = await folderOf({ "train/x.arrow": "captions.arrow", "val/x.arrow": "captions-lz4.arrow" });
  expect((await opened({ path: folders, split: "val" })).rows).toBe(6);
  const column = await folderOf({ "x.arrow": "captions.arrow", "y.arrow": "captions-lz4.arrow" });
  expect((await opened({ path: column, split: "val" })).rows).toBe(5);
});

test.each<[name: string, files: Record<string, string>]>([
  ["an empty folder", {}],
  ["images without a table", { "a.png": "", "b.png": "" }],
  ["two tables", { "a.jsonl": "{}", "b.csv": "image" }],
  [
    "two formats",
    { "a.arrow": "captions.arrow", "b.parquet": "hugging-face.parquet", "c.parquet": "hugging-face.parquet" },
  ],
])("refuses: %s", async (_, files) => {
  const folder = await folderOf(files);
  expect(await complaint(folder, opened(folder))).toMatchSnapshot();
});

test.each<[name: string, file: string, content: string]>([
  ["an annotation file", "annotations.json", "{}"],
  ["a compressed table", "pairs.csv.gz", "\x1f\x8b"],
  ["a spreadsheet", "pairs.xlsx", "PK\x03\x04"],
  ["a text without a table", "notes.txt", "hello\n"],
  ["JSON that is no table", "list.json", '[{"region": "a.png"}]'],
  ["nothing", "x", ""],
  ["a name that lies", "x.parquet", "hello"],
])("refuses: %s", async (_, file, content) => {
  const folder = await folderOf({ [file]: content });
  expect(await complaint(folder, opened(join(folder, file)))).toMatchSnapshot();
});

test("a folder of save_to_disk: the files that state.json lists, and never its caches", async () => {
  const files = {
    "data-00001-of-00002.arrow": "captions.arrow",
    "data-00000-of-00002.arrow": "captions-lz4.arrow",
    "cache-ab12.arrow": "captions.arrow",
    "left-over.arrow": "captions.arrow",
    "dataset_info.json": "{}",
  };
  const data_files = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"].map((filename) => ({ filename }));
  const folder = await folderOf({ ...files, "state.json": JSON.stringify({ _data_files: data_files }) });
  const dataset = await opened(folder);
  expect([dataset.rows, dataset.texts(6).captions[0]]).toEqual([11, "caption 0"]);
  expect((await opened({ path: folder, split: "val" })).rows).toBe(5);
  const { "left-over.arrow": _, ...others } = files;
  expect((await opened(await folderOf({ ...others, "state.json": "{}" }))).rows).toBe(11);
  const indexed = { _data_files: data_files, _indices_files: [{ filename: "indices.arrow" }] };
  const chosen = await folderOf({ ...files, "state.json": JSON.stringify(indexed) });
  expect(await complaint(chosen, opened(chosen))).toContain("found indices.arrow. Call flatten_indices()");
  const gone = await folderOf({ "state.json": JSON.stringify({ _data_files: [{ filename: "../x.arrow" }] }) });
  expect(await complaint(gone, opened(gone))).toContain('expected the file "../x.arrow" beside it, found none');
});

test("a folder of splits names them, and files of other systems are passed over", async () => {
  const splits = await folderOf({
    "test/x.arrow": "captions.arrow",
    "train/x.arrow": "captions.arrow",
    "dataset_dict.json": "{}",
  });
  expect(await complaint(splits, opened(splits))).toContain(
    "Name one of its folders, such as test, or choose it by `split`",
  );
  const folder = await folderOf({
    "x.csv": "image\n0.png\n",
    "._x.csv": "\0",
    "Thumbs.db": "",
    "~$x.csv": "",
    "__MACOSX/._x.csv": "",
    ".DS_Store": "",
  });
  expect((await opened(folder)).rows).toBe(1);
});

test("layouts of the hub: files in `data`, or in the folder of a configuration", async () => {
  const readme = { "README.md": "" };
  const shards = {
    "data/train-00000-of-00002.parquet": "hugging-face.parquet",
    "data/train-00001-of-00002.parquet": "hugging-face.parquet",
  };
  expect((await opened(await folderOf({ ...readme, ...shards }))).rows).toBe(10);
  const both = await folderOf({ ...readme, ...shards, "data/test-00000-of-00001.parquet": "plain-none.parquet" });
  expect(await complaint(both, opened(both))).toContain("data: expected files of one split, found test and train");
  expect((await opened({ path: both, split: "train" })).rows).toBe(10);
  const configuration = await folderOf({ "default/train/0000.parquet": "hugging-face.parquet", "x/.keep": "" });
  expect(await complaint(configuration, opened(configuration))).toContain("found default, x.");
  const one = await folderOf({ "default/train/0.parquet": "plain-none.parquet", "default/test/0.parquet": "x" });
  expect((await opened({ path: one, split: "train" })).rows).toBe(12);
});

test("a text file that is a table is found in its folder, also beside other texts", async () => {
  const table = { "captions.txt": "image,caption\n0.png,a cat\n" };
  const folder = await folderOf({ ...table, "readme.txt": "image files\n", "0.png": "x" });
  expect((await opened(folder)).texts(0).captions).toEqual(["a cat"]);
  const two = await folderOf({ ...table, "more.txt": "image\tcaption\n" });
  expect(await complaint(two, opened(two))).toContain("expected one table of captions, found captions.txt, more.txt");
});

test.each<[found: string, hint: string]>([
  ["s.tar.gz", "Unpack s.tar.gz first."],
  ["pairs.xlsx", "Save pairs.xlsx as CSV in UTF-8."],
  ["a.b.jpg", "Write the caption of a.b.jpg into a.b.txt, or write a metadata.jsonl"],
])("the hint for a folder with %s", async (found, hint) => {
  const folder = await folderOf({ [found]: "" });
  expect(await complaint(folder, opened(folder))).toContain(`found ${found}. ${hint}`);
});

test("what stands in the place of a file is named, in every format and for images", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
  const names = ["x.parquet", "x.arrow", "x.tar", "x.csv", "x.jsonl"];
  const folder = await folderOf(Object.fromEntries(names.map((name) => [name, pointer])));
  const message = "found a Git LFS pointer, which only names the file. Run `git lfs pull` in its folder.";
  for (const name of names) expect(await complaint(folder, opened(join(folder, name)))).toContain(message);
  expect(await complaint(folder, opened(join(folder, "{x,x}.tar")))).toContain(message);
  await expect(decodeImage(Buffer.from(pointer), { name: "a.png" })).rejects.toThrow(`a.png: expected a PNG, JPEG`);
  await expect(decodeImage(Buffer.from(pointer), { name: "a.png" })).rejects.toThrow(message);
});

test("no such path, and a format that the user names", async () => {
  const folder = await folderOf({ "a.arrow": "captions.arrow", "b.parquet": "hugging-face.parquet" });
  expect(await complaint(folder, opened(join(folder, "gone")))).toMatchSnapshot();
  expect((await opened({ path: folder, format: "parquet" })).blocks).toEqual([0, 2, 4]);
  expect(await complaint(folder, opened({ path: join(folder, "a.arrow"), format: "parquet" }))).toMatchSnapshot();
});

test("reading a closed data set or a deleted file is an error", async () => {
  const folder = await folderOf({ "a.parquet": "hugging-face.parquet" });
  const path = join(folder, "a.parquet");
  const closed = await opened(path);
  const [source] = closed.images(0);
  await closed.close();
  expect(await complaint(folder, source!.read())).toMatchSnapshot();
  expect(() => closed.texts(0)).toThrow(expect.objectContaining({ code: "disposed", where: path }) as Error);
  const tar = await folderOf({ "a.jsonl": '{"image": "a.png"}', "a.png": "x" });
  const dataset = await opened(tar);
  await rename(join(tar, "a.png"), join(tar, "b.png"));
  expect(await complaint(tar, dataset.images(0)[0]!.read())).toMatchSnapshot();
});

test("await using closes a data set, and all that are joined in one", async () => {
  const path = join(await folderOf({ "a.parquet": "hugging-face.parquet" }), "a.parquet");
  let used: Dataset[];
  {
    await using dataset = await openDataset(path);
    await using joined = joinDatasets("both", [await openDataset(path), await openDataset(path)]);
    used = [dataset, joined];
  }
  for (const dataset of used) {
    expect(() => dataset.images(dataset.rows - 1)).toThrow(expect.objectContaining({ code: "disposed" }) as Error);
  }
});

test("more shards than handles that are kept open", async () => {
  const folder = await temporaryFolder();
  for (let i = 0; i < 150; i++) await cp(join(fixtures, "captions.arrow"), join(folder, `${i}.arrow`));
  const dataset = await opened(folder);
  expect(dataset.rows).toBe(750);
  const rows = Array.from({ length: 150 }, (_, i) => ((i * 37) % 150) * 5 + 2);
  for (const images of await Promise.all(rows.map((row) => imagesOf(dataset, row))))
    expect(images).toEqual([imageBytes(2)]);
});

test("data sets joined: rows, counts and images of later ones follow", async () => {
  const parts = [await opened(join(fixtures, "nlvr2.arrow")), await opened(join(fixtures, "hugging-face.parquet"))];
  const joined = joinDatasets("both", parts);
  expect([joined.name, joined.rows, joined.blocks]).toEqual(["both", 6, [0, 1, 3, 5]]);
  expect([...joined.counts.statements, ...joined.counts.captions]).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1]);
  expect(joined.texts(5).captions).toEqual(["caption 4"]);
  expect(await imagesOf(joined, 0)).toEqual([imageBytes(0), imageBytes(1)]);
  expect(basename(joined.images(5)[0]!.name)).toContain("hugging-face.parquet, row 4");
  expect(() => joined.texts(6)).toThrow("row of both: expected a whole number from 0 to 5, found 6.");
  expect(joinDatasets("none", []).rows).toBe(0);
});

test("data sets joined are labelled if all of them are", async () => {
  const plain = await opened(join(fixtures, "nlvr2.arrow"));
  const one = { ...plain, labelled: true };
  expect(joinDatasets("joined", [one, one]).labelled).toBe(true);
  for (const datasets of [[], [plain], [plain, one], [one, plain]]) {
    expect(joinDatasets("joined", datasets).labelled).toBe(false);
  }
});
