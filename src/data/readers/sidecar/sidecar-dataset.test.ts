import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import { complaint, imageBytes, imagesOf, opened, temporaryFolder } from "../tables.test-support.js";

/** A folder with these files. An image is the number of its bytes. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array | number>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), typeof content === "number" ? imageBytes(content) : content);
  }
  return folder;
}

test("images with their captions in text files beside them", async () => {
  const folder = await folderOf({
    "a10.jpg": 1,
    "a10.txt": "\ufeffa cat\r\n",
    "a9.PNG": 0,
    "a9.TXT": "  a dog on a sofa  ",
    "b.v2.webp": 2,
    "b.v2.caption": "one\n\ntwo\n",
    "c.jpg": 3,
    "c.json": '{"caption": "a bird", "score": NaN}',
    "c.txt": "a bird",
    "d.jpg": 4,
    "d.jpg.txt": "named with its ending",
  });
  const dataset = await opened(folder);
  expect(Array.from({ length: dataset.rows }, (_, row) => dataset.texts(row).captions)).toEqual([
    ["a dog on a sofa"],
    ["a cat"],
    ["one", "two"],
    ["a bird"],
    ["named with its ending"],
  ]);
  for (const row of [0, 1, 2, 3, 4]) expect(await imagesOf(dataset, row)).toEqual([imageBytes(row)]);
  expect(dataset.images(0)[0]!.name).toBe(join(folder, "a9.PNG"));
  expect(dataset.report!.notes).toEqual([
    "1 text file has several captions, one a line",
    "1 duplicate caption of the same image was dropped",
  ]);
});

test("folders below, as img2dataset writes them, and links to folders", async () => {
  const elsewhere = await folderOf({ "x.jpg": 2, "x.txt": "linked" });
  const folder = await folderOf({ "00000/0.jpg": 0, "00000/0.txt": "a", "00001/0.jpg": 1, "00001/0.txt": "b" });
  await symlink(elsewhere, join(folder, "more"));
  await symlink(folder, join(folder, "circle"));
  const done: number[] = [];
  const dataset = await opened(folder, { onProgress: (now, total) => void done.push(now / total) });
  expect([0, 1, 2].map((row) => dataset.texts(row).captions)).toEqual([["a"], ["b"], ["linked"]]);
  expect(await imagesOf(dataset, 2)).toEqual([imageBytes(2)]);
  expect([dataset.rows, done.at(-1)]).toEqual([3, 1]);
});

test("what belongs to no row, or has no text, is counted; files of systems are skipped", async () => {
  const folder = await folderOf({
    "a.jpg": 0,
    "a.txt": "a cat",
    "b.jpg": 1,
    "c.jpg": 2,
    "c.txt": " \n",
    "lonely.txt": "without image",
    "d.heic": 3,
    "d.txt": "cannot be decoded",
    "._a.jpg": "\0",
    "._a.txt": "\0",
    "Thumbs.db": "",
    "~$notes.txt": "",
  });
  const { report, rows } = await opened(folder);
  expect(rows).toBe(3);
  expect(report!.notes.map((note) => note.replaceAll(`${folder}/`, ""))).toEqual([
    "1 caption is blank and left out (the first: c.txt)",
    "3 files are part of no row (.txt (2), .heic (1))",
    "2 of 3 records have an image and no text (the first: b.jpg)",
  ]);
});

test("a table is preferred, and the format can be named", async () => {
  const folder = await folderOf({ "a.jpg": 0, "a.txt": "beside", "t.csv": "image,caption\na.jpg,in the table\n" });
  expect((await opened(folder)).texts(0).captions).toEqual(["in the table"]);
  expect((await opened({ path: folder, format: "sidecar" })).texts(0).captions).toEqual(["beside"]);
});

test("splits: folders of several are refused, one is chosen by its name or by the field of JSON files", async () => {
  const folder = await folderOf({ "train/a.jpg": 0, "train/a.txt": "a", "test/b.jpg": 1, "test/b.txt": "b" });
  expect(await complaint(folder, opened(folder))).toContain("Name one of its folders, such as test, or choose it by");
  expect((await opened({ path: folder, split: "train" })).texts(0).captions).toEqual(["a"]);
  const fields = await folderOf({
    "a.jpg": 0,
    "a.json": '{"caption": "a", "split": "train"}',
    "b.jpg": 1,
    "b.json": '{"caption": "b", "split": "val"}',
  });
  const chosen = await opened({ path: fields, split: "val" });
  expect([chosen.rows, chosen.texts(0).captions]).toEqual([1, ["b"]]);
  expect(await imagesOf(chosen, 0)).toEqual([imageBytes(1)]);
  expect((await opened(fields)).mixedSplits).toEqual(["train", "val"]);
});

test("texts that cannot be read are refused with the file", async () => {
  const latin = await folderOf({ "a.jpg": 0, "a.txt": Buffer.from("ein B\xe4r", "latin1") });
  expect(await complaint(latin, opened(latin))).toContain("a.txt: expected text in UTF-8, found the byte 0xE4");
  const pointer = await folderOf({ "a.jpg": 0, "a.txt": "version https://git-lfs.github.com/spec/v1\n" });
  expect(await complaint(pointer, opened(pointer))).toContain("a.txt: expected a text, found a Git LFS pointer");
  const list = await folderOf({ "a.jpg": 0, "a.json": "[1]" });
  expect(await complaint(list, opened(list))).toContain("a.json: expected a JSON object, found a list of 1");
});

test("opening stops on a signal", async () => {
  const folder = await folderOf({ "a.jpg": 0, "a.txt": "a" });
  const reason = new Error("stop");
  await expect(opened(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
