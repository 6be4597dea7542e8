import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryName, thisProcess } from "../../files/index.js";
import { imageBytes, folderWith, put, readTable, temporaryFolder } from "./sources.test-support.js";
import type { PlannedRow, Table } from "./converter.js";
import { writeTable } from "./write-table.js";

const columns = { image: "binary", caption: { list: "string" }, n: "int64" } as const;

async function tableOf(
  count: number,
  more: Partial<Table> = {},
): Promise<Table & { readonly images: string; loads: number }> {
  const files = await Promise.all(
    Array.from({ length: count }, async (_, i) => [`${i}.png`, await imageBytes(i)] as const),
  );
  const images = await folderWith({ ...Object.fromEntries(files), "source.json": "[]" });
  const rows = Array.from({ length: count }, (_, n): PlannedRow => ({
    images: [{ name: `${n}.png`, folders: [images] }],
    fields: { caption: [`image ${n}`, ""], n },
    texts: 2,
  }));
  const table = {
    images,
    loads: 0,
    file: "a.arrow" as Table["file"],
    columns,
    sources: [join(images, "source.json")],
    what: "rows",
    load: () => {
      table.loads++;
      return Promise.resolve({ total: rows.length, each: () => rows });
    },
    ...more,
  };
  return table;
}

test("batches end at their size limit and contain every row in order", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(25);
  const { tables } = await writeTable(table, { out, force: false, batchBytes: 3000 });
  expect(tables).toEqual([{ file: "a.arrow", rows: 25, texts: 50, leftOut: { count: 0, first: [] }, kept: false }]);
  const { rows, batches } = await readTable(out, "a.arrow");
  expect(batches).toBeGreaterThan(3);
  expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 25 }, (_, i) => i));
  expect(rows[17]).toEqual({ image: await imageBytes(17), caption: ["image 17", ""], n: 17 });
});

test("images that are missing, empty, cut short or something else are counted and named; the rest stays in order", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(14);
  await put(table.images, "2.png", "");
  await put(table.images, "5.png", (await imageBytes(5)).subarray(0, 60));
  await put(table.images, "6.png", "<svg xmlns='http://www.w3.org/2000/svg'/>");
  const rows = (await table.load()).each;
  const gone: PlannedRow = {
    images: [{ name: "gone.png", folders: [table.images] }],
    fields: { caption: [], n: 99 },
    texts: 0,
  };
  const folder: PlannedRow = { ...gone, images: [{ name: ".", folders: [table.images] }] };
  const load = () =>
    Promise.resolve({
      total: 16,
      each: async function* () {
        yield gone;
        yield* rows();
        yield folder;
      },
    });
  const { tables } = await writeTable({ ...table, load }, { out, force: false });
  expect(tables[0]).toMatchObject({ rows: 11, texts: 22 });
  expect(tables[0]!.leftOut).toEqual({
    count: 5,
    first: [
      { image: "gone.png", reason: "not there" },
      { image: "2.png", reason: "an empty file (0 bytes)" },
      { image: "5.png", reason: "damaged or truncated data" },
      { image: "6.png", reason: "an SVG or XML text" },
      { image: ".", reason: "not a regular file" },
    ],
  });
  expect((await readTable(out, "a.arrow")).rows.map(({ n }) => n)).toEqual([0, 1, 3, 4, 7, 8, 9, 10, 11, 12, 13]);
});

test("a table without any image is an error and no file", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(2);
  await put(table.images, "0.png", "");
  await put(table.images, "1.png", "");
  await expect(writeTable(table, { out, force: false })).rejects.toThrow(
    "found none of 2, the first 0.png: an empty file (0 bytes)",
  );
  expect(await readdir(out)).toEqual([]);
  await expect(writeTable(await tableOf(0), { out, force: false })).rejects.toThrow("expected rows, found none");
});

test("a finished file is passed over without reading anything; --force writes it anew", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(3);
  const first = await writeTable(table, { out, force: false });
  const bytes = await readFile(join(out, "a.arrow"));
  expect(await writeTable(table, { out, force: false })).toEqual({ tables: [{ ...first.tables[0], kept: true }] });
  expect(table.loads).toBe(1);
  await put(table.images, "1.png", "");
  expect((await writeTable(table, { out, force: true })).tables).toMatchObject([{ rows: 2, kept: false }]);
  expect(await readFile(join(out, "a.arrow"))).not.toEqual(bytes);
});

test.each([
  ["a file of somebody else", "not Arrow at all", "a file that this command did not write"],
  ["a file cut short", undefined, "a file that this command did not write"],
])("%s is not written over", async (_, content, found) => {
  const out = await temporaryFolder();
  const table = await tableOf(2);
  await writeTable(table, { out, force: false });
  const whole = await readFile(join(out, "a.arrow"));
  await writeFile(join(out, "a.arrow"), content ?? whole.subarray(0, -100));
  await expect(writeTable(table, { out, force: false })).rejects.toThrow(found);
});

test("a file from another source is not taken for this one", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(2);
  await writeTable(table, { out, force: false });
  await put(table.images, "source.json", "[1]");
  await expect(writeTable(table, { out, force: false })).rejects.toThrow(
    "one from other source files or with other options",
  );
});

test("a stopped run leaves whole shards only, and the next resumes with the first that is missing", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(7, { file: (shard) => `a_${shard}.arrow`, shardSize: 3 });
  const stop = new AbortController();
  const onRow = (done: number, _: number, file: string) => {
    if (file === "a_1.arrow" && done === 2) stop.abort(new Error("stopped"));
  };
  await expect(writeTable(table, { out, force: false, onRow, signal: stop.signal })).rejects.toThrow("stopped");
  expect(await readdir(out)).toEqual(["a_0.arrow"]);
  const { tables } = await writeTable(table, { out, force: false });
  expect(tables.map(({ file, rows, kept }) => [file, rows, kept])).toEqual([
    ["a_0.arrow", 3, true],
    ["a_1.arrow", 3, false],
    ["a_2.arrow", 1, false],
  ]);
  const all = await Promise.all(tables.map(({ file }) => readTable(out, file)));
  expect(all.flatMap(({ rows }) => rows.map(({ n }) => n))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  await expect(writeTable({ ...table, shardSize: 4 }, { out, force: false })).rejects.toThrow("with other options");
});

test("files of a killed run are removed; the file of a running process is not", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(2);
  const [running, other] = [temporaryName("a.arrow"), temporaryName("b.arrow", gone)];
  for (const name of [running, other, temporaryName("a.arrow", gone)]) await writeFile(join(out, name), "unfinished");
  await utimes(join(out, running), 0, 0);
  await writeTable(table, { out, force: true });
  expect((await readdir(out)).sort()).toEqual([running, other, "a.arrow"].sort());
});

const gone = { ...thisProcess(), pid: 2 ** 30 };

test("images that are added or replaced later are written by the next run, and removed ones stay", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(4);
  const bytes = await imageBytes(1);
  await rm(join(table.images, "1.png"));
  await put(table.images, "2.png", "");
  const write = async () => (await writeTable(table, { out, force: false })).tables[0]!;
  expect(await write()).toMatchObject({ rows: 2, leftOut: { count: 2 }, kept: false });
  expect(await write()).toMatchObject({ rows: 2, leftOut: { count: 2 }, kept: true });
  await put(table.images, "1.png", bytes);
  expect(await write()).toMatchObject({ rows: 3, leftOut: { count: 1 }, kept: false });
  await put(table.images, "2.png", await imageBytes(2));
  expect(await write()).toMatchObject({ rows: 4, leftOut: { count: 0 }, kept: false });
  const { loads } = table;
  await rm(join(table.images, "3.png"));
  expect(await write()).toMatchObject({ rows: 4, kept: true });
  expect(table.loads).toBe(loads);
});

test("a shard whose rows have moved is written again, so that no row is lost or doubled", async () => {
  const out = await temporaryFolder();
  const all = await tableOf(5);
  const load = async (without: readonly number[]) => {
    const rows = [...((await all.load()).each() as Iterable<PlannedRow>)].filter((_, i) => !without.includes(i));
    return { total: rows.length, each: () => rows };
  };
  const write = (without: readonly number[]) =>
    writeTable(
      { ...all, file: (shard) => `${shard}.arrow`, shardSize: 2, load: () => load(without) },
      { out, force: false },
    );
  await write([1]);
  expect((await write([1])).tables.map(({ kept }) => kept)).toEqual([true, true]);
  expect((await write([])).tables.map(({ kept }) => kept)).toEqual([false, false, false]);
  const numbers: unknown[] = [];
  for (const shard of [0, 1, 2]) numbers.push(...(await readTable(out, `${shard}.arrow`)).rows.map(({ n }) => n));
  expect(numbers).toEqual([0, 1, 2, 3, 4]);
});

test("a source that is a Git LFS pointer is named as one", async () => {
  const out = await temporaryFolder();
  const table = await tableOf(1);
  await put(table.images, "source.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n");
  await expect(writeTable(table, { out, force: false })).rejects.toThrow("found a Git LFS pointer");
  await put(table.images, "source.json", "[]");
  await put(table.images, "0.png", "version https://git-lfs.github.com/spec/v1\n");
  await expect(writeTable(table, { out, force: false })).rejects.toThrow("0.png: a Git LFS pointer");
});
