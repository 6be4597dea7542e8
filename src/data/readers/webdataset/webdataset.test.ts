import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { pack } from "tar-stream";
import { expect, test, vi } from "vitest";

import { complaint, opened, imageBytes, imagesOf, temporaryFolder } from "../tables.test-support.js";
import { expandBraces, isBracePattern } from "../brace-pattern.js";

type Member = readonly [name: string, body: string | Uint8Array];

/** An archive as tar-stream writes it. */
async function archive(...members: readonly Member[]): Promise<Buffer> {
  const stream = pack();
  for (const [name, body] of members) stream.entry({ name }, Buffer.from(body as Uint8Array));
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function saved(name: string, ...members: readonly Member[]): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder();
  const path = join(folder, name);
  await writeFile(path, await archive(...members));
  return { folder, path };
}

test("samples by their key: images, captions, fields of JSON; all else is passed over", async () => {
  const long = `a/${"deep/".repeat(30)}000`;
  const { path } = await saved(
    "x.tar",
    ["__info__.json", "{}"],
    ["000.jpg", imageBytes(0)],
    ["000.txt", "a dog\n"],
    [
      "000.json",
      JSON.stringify({
        caption: "a dog",
        image: "/nowhere",
        url: "http://x",
        questions: [{ question: "what?", answer: "dog" }],
      }),
    ],
    ["000.seg.png", imageBytes(9)],
    ["b/000.txt", "before its image"],
    ["b/000.v2.txt", "not this"],
    ["b/000.PNG", imageBytes(1)],
    ["b/000.jpg", imageBytes(2)],
    ["b/._000.jpg", imageBytes(9)],
    ["only.txt", "no image"],
    [`${long}.jpeg`, imageBytes(3)],
    [`${long}.caption`, "größer"],
    ["pair.image_0.png", imageBytes(4)],
    ["pair.image_1.png", imageBytes(5)],
    ["pair.json", JSON.stringify({ statement: "both", label: "True" })],
  );
  const dataset = await opened(path);
  expect(dataset.rows).toBe(4);
  expect(dataset.texts(0)).toMatchObject({ captions: ["a dog"], questions: [{ question: "what?" }] });
  expect(dataset.texts(1).captions).toEqual(["before its image"]);
  expect(dataset.texts(2).captions).toEqual(["größer"]);
  expect(dataset.texts(3).statements).toEqual([{ text: "both", label: 1 }]);
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(0)]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(2)]);
  expect(await imagesOf(dataset, 2)).toEqual([imageBytes(3)]);
  expect(await imagesOf(dataset, 3)).toEqual([imageBytes(4), imageBytes(5)]);
  expect(dataset.images(2)[0]!.name).toBe(`${path}, ${long}.jpeg`);
  expect(dataset.blocks).toBeUndefined();
});

test("shards of a folder and of a pattern, in order; the same key in two shards is two samples", async () => {
  const folder = await temporaryFolder();
  for (const i of [0, 1, 2, 10])
    await writeFile(join(folder, `s-${i}.tar`), await archive(["a.jpg", imageBytes(i)], ["a.txt", `shard ${i}`]));
  const captions = async (path: string) => {
    const dataset = await opened(path);
    return Array.from({ length: dataset.rows }, (_, row) => dataset.texts(row).captions[0]);
  };
  expect(await captions(folder)).toEqual(["shard 0", "shard 1", "shard 2", "shard 10"]);
  expect(await captions(join(folder, "s-{1..2}.tar"))).toEqual(["shard 1", "shard 2"]);
  expect(await complaint(folder, opened(join(folder, "s-{2..3}.tar")))).toBe(
    "s-3.tar: expected a file that can be read, found no such file. Check the path and its permissions.",
  );
});

test("opening steps over bodies; an image is read by itself", async () => {
  const { path } = await saved(
    "x.tar",
    ["a.txt", "a"],
    ["a.jpg", new Uint8Array(2 ** 20)],
    ["b.jpg", imageBytes(1)],
    ["b.txt", "b"],
  );
  const handle = await open(path);
  const read = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "read");
  await handle.close();
  const bytesRead = () => read.mock.calls.reduce((sum, call) => sum + Number((call as unknown[])[2]), 0);
  const dataset = await opened(path);
  expect(bytesRead()).toBeLessThan(2 ** 16);
  read.mockClear();
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect(bytesRead()).toBe(imageBytes(1).length);
  read.mockRestore();
});

test("sizes of 8 GiB and more, and names of 100 letters and more, as GNU tar writes them", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.tar");
  const hole = 9 * 2 ** 30;
  const name = `${"n".repeat(150)}.jpg`;
  const large = withSize(await archive(["a.jpg", ""]), 0, "\x80\0\0\0\0\0\0\x02\x40\0\0\0").subarray(0, 512);
  const link = withSize(await archive(["@LongLink", `${name}\0`]), 0, (name.length + 1).toString(8), "L").subarray(
    0,
    1024,
  );
  const rest = Buffer.concat([link, await archive(["short.jpg", imageBytes(1)])]);
  const handle = await open(path, "w");
  await handle.write(large, 0, 512, 0);
  await handle.write(rest, 0, rest.length, 512 + hole);
  await handle.close();
  const dataset = await opened(path);
  expect([dataset.rows, dataset.images(1)[0]!.name]).toEqual([2, `${path}, ${name}`]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect(await complaint(folder, dataset.images(0)[0]!.read())).toContain("at most 268435456 bytes, found 9663676416");
});

test("an archive that is replaced before its first image is read again", async () => {
  const folder = await temporaryFolder();
  for (let i = 0; i < 80; i++) await writeFile(join(folder, `${i}.tar`), await archive(["a.jpg", imageBytes(0)]));
  const dataset = await opened(folder);
  // More archives than files that stay open: the first one has been closed.
  await writeFile(join(folder, "0.tar"), await archive(["other.jpg", imageBytes(7)], ["a.jpg", imageBytes(1)]));
  await rm(join(folder, "1.tar"));
  expect(await complaint(folder, dataset.images(0)[0]!.read())).toMatchSnapshot();
  expect(await complaint(folder, dataset.images(1)[0]!.read())).toMatchSnapshot();
});

/** The archive with another size, and type, in the header at `at`. */
const withSize = (bytes: Buffer, at: number, size: string, type = "0"): Buffer => {
  const changed = Buffer.from(bytes);
  changed.write(size.padEnd(12, "\0"), at + 124, "latin1");
  changed.write(type, at + 156, "latin1");
  changed.fill(" ", at + 148, at + 156);
  const sum = changed.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  return changed;
};

test.each<[name: string, change: (bytes: Buffer) => Buffer]>([
  ["a body cut short", (bytes) => bytes.subarray(0, 560)],
  ["a header cut short", (bytes) => bytes.subarray(0, 1024 + 100)],
  ["a body of a terabyte", (bytes) => withSize(bytes, 0, "20000000000000")],
  ["a size that is no number", (bytes) => withSize(bytes, 0, "-1")],
  [
    "a checksum that is wrong",
    (bytes) => Buffer.concat([bytes.subarray(0, 1024), Buffer.alloc(512, 7), bytes.subarray(1536)]),
  ],
  ["broken JSON", (bytes) => Buffer.from(bytes.toString("latin1").replace('{"a"', '("a"'), "latin1")],
  ["text that is not UTF-8", (bytes) => Buffer.from(bytes.toString("latin1").replace("words", "w\xffrds"), "latin1")],
])("refuses: %s", async (_, change) => {
  const { folder, path } = await saved("x.tar", ["a.jpg", imageBytes(0)], ["a.json", '{"a": 1}'], ["a.txt", "words"]);
  await writeFile(path, change(await readFile(path)));
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

test("an archive without samples, and one that ends without its last blocks", async () => {
  const { folder, path } = await saved("x.tar", ["readme.md", "hello"]);
  expect(await complaint(folder, opened(path))).toBe(
    "x.tar: expected at least one row with an image, found files with the endings .md (1). Give the files of a sample the same name up to the first dot: KEY.jpg, KEY.txt, KEY.json.",
  );
  await writeFile(path, (await archive(["a.jpg", imageBytes(0)])).subarray(0, 512 + imageBytes(0).length));
  expect(await imagesOf(await opened(path), 0)).toEqual([imageBytes(0)]);
});

test("patterns", async () => {
  expect(expandBraces("a-{008..011}.tar")).toEqual(["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]);
  expect(expandBraces("{a,b}-{1..0}{x}")).toEqual(["a-1{x}", "a-0{x}", "b-1{x}", "b-0{x}"]);
  expect([isBracePattern("a{1..2}"), isBracePattern("a{b}"), isBracePattern("a")]).toEqual([true, false, false]);
  const folder = await temporaryFolder();
  await mkdir(join(folder, "x"));
  for (const bomb of ["{0..999999999999}", "{0..9999}{0..9999}", "{1,2}".repeat(40)]) {
    expect(await complaint(folder, opened(join(folder, bomb)))).toContain(
      "expected a pattern of at most 100000 paths, found more",
    );
  }
});

test("samples in another layout are named by their endings", async () => {
  const members = [0, 1].flatMap((i): Member[] => [
    [`s${i}.input.jpg`, imageBytes(i)],
    [`s${i}.outputs.txt`, "a"],
  ]);
  const { folder, path } = await saved("x.tar", ...members);
  expect(await complaint(folder, opened(path))).toContain(
    "found files with the endings .input.jpg (2), .outputs.txt (2)",
  );
  const texts = await saved("y.tar", ["a.txt", "a"], ["b.txt", "b"]);
  expect(await complaint(texts.folder, opened(texts.path))).toContain("found 2 samples without an image");
});

test("every image ending is read; those that cannot be decoded are counted, files of systems are not", async () => {
  const { path } = await saved(
    "x.tar",
    ["__info__.json", "{}"],
    ["a.jfif", imageBytes(0)],
    ["a.txt", "a cat "],
    ["a.json", '{"caption": "a cat ", "score": NaN}'],
    ["b.jpe", imageBytes(1)],
    ["b.txt", " "],
    ["c.bmp", "BM"],
    ["c.txt", "c"],
    ["./d.png", imageBytes(2)],
    ["./d.seg.png", ""],
    ["./._d.png", ""],
    ["__MACOSX/d.png", ""],
    [".cache/d.png", ""],
    ["pair.image_0.png", imageBytes(3)],
    ["Thumbs.db", ""],
  );
  const dataset = await opened(path);
  const names = Array.from({ length: dataset.rows }, (_, row) => dataset.images(row)[0]!.name.replace(`${path}, `, ""));
  expect(names).toEqual(["a.jfif", "b.jpe", "./d.png"]);
  expect(dataset.texts(0).captions).toEqual(["a cat"]);
  expect(dataset.report).toEqual({
    records: 3,
    emptyRecords: 0,
    recordsWithoutText: 2,
    recordsWithoutImage: 2,
    emptyCaptions: 1,
    repeatedCaptions: 1,
    otherFiles: 2,
    notes: [
      `2 samples have no image that can be read and are left out (the first: ${path}, c)`,
      `1 caption is blank and left out (the first: ${path}, b.txt)`,
      "1 duplicate caption of the same image was dropped",
      "2 files are part of no row (.bmp (1), .seg.png (1))",
      `2 of 3 records have an image and no text (the first: ${path}, b)`,
    ],
  });
});

test("of several files of one name the last is used, as when the archive is unpacked", async () => {
  const { path } = await saved(
    "x.tar",
    ["a.jpg", imageBytes(0)],
    ["a.txt", "first"],
    ["a.txt", "second"],
    ["a.jpg", imageBytes(1)],
  );
  const dataset = await opened(path);
  expect([dataset.rows, dataset.texts(0).captions, dataset.report!.otherFiles]).toEqual([1, ["second"], 2]);
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(1)]);
});

/** A member with a pax header of these records, whole or of this text. */
async function withPax(records: Readonly<Record<string, string>>, name: string, body: Uint8Array): Promise<Buffer> {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (length !== rest + String(length).length) length = rest + String(length).length;
    return `${length} ${key}=${value}\n`;
  });
  const header = await archive(["header", lines.join("")]);
  const size = Buffer.byteLength(lines.join(""));
  const blocks = 512 + Math.ceil(size / 512) * 512;
  return Buffer.concat([withSize(header, 0, size.toString(8), "x").subarray(0, blocks), await archive([name, body])]);
}

test("a pax header is read whole, and a broken one refused", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.tar");
  const name = `${"n".repeat(120)}/größe.jpg`;
  await writeFile(path, await withPax({ ["k".repeat(100)]: "v", path: name }, "short.jpg", imageBytes(0)));
  expect((await opened(path)).images(0)[0]!.name).toBe(`${path}, ${name}`);
  const bytes = await withPax({ path: name }, "short.jpg", imageBytes(0));
  await writeFile(path, Buffer.from(bytes.toString("latin1").replace(" path=", "_path="), "latin1"));
  expect(await complaint(folder, opened(path))).toContain("x.tar: expected records of a pax header, found other bytes");
  await writeFile(path, await withPax({ "GNU.sparse.major": "1" }, "a.jpg", imageBytes(0)));
  expect(await complaint(folder, opened(path))).toBe(
    "x.tar, a.jpg: expected a whole file, found a sparse one. Write the archive without --sparse.",
  );
});

test("a hard link has the image of its file; other links are counted", async () => {
  const stream = pack();
  stream.entry({ name: "a.jpg" }, Buffer.from(imageBytes(0)));
  stream.entry({ name: "b.jpg", type: "link", linkname: "a.jpg" });
  stream.entry({ name: "c.jpg", type: "symlink", linkname: "a.jpg" });
  stream.entry({ name: "d.jpg", type: "link", linkname: "gone.jpg" });
  stream.finalize();
  const path = join(await temporaryFolder(), "x.tar");
  await writeFile(path, Readable.from(stream));
  const dataset = await opened(path);
  expect([dataset.rows, dataset.report!.otherFiles]).toEqual([2, 2]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(0)]);
});

test("archives one after another, as `cat` joins them, are read to their end", async () => {
  const path = join(await temporaryFolder(), "x.tar");
  const padding = Buffer.alloc(512 * 20);
  const parts = [await archive(["a.jpg", imageBytes(0)]), padding, await archive(["b.jpg", imageBytes(1)])];
  await writeFile(path, Buffer.concat(parts));
  const dataset = await opened(path);
  expect(dataset.rows).toBe(2);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  await writeFile(path, Buffer.concat([parts[0]!, padding, Buffer.alloc(512, 7)]));
  expect((await opened(path)).rows).toBe(1);
});
