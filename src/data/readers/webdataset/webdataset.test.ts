import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import fc from "fast-check";
import { pack } from "tar-stream";
import { expect, test, vi } from "vitest";

import { complaint, opened, imageBytes, imagesOf, readsOrComplains, temporaryFolder } from "../tables.test-support.js";
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
    "x.tar: expected at least one row with an image, found none. Check that it is the right file.",
  );
  await writeFile(path, (await archive(["a.jpg", imageBytes(0)])).subarray(0, 512 + imageBytes(0).length));
  expect(await imagesOf(await opened(path), 0)).toEqual([imageBytes(0)]);
});

test("any damage is read or refused by an InputError", async () => {
  const { path } = await saved(
    "x.tar",
    [`${"d/".repeat(80)}a.jpg`, imageBytes(0)],
    ["a.json", '{"caption": "b"}'],
    ["a.jpg", imageBytes(1)],
  );
  const valid = await readFile(path);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.option(fc.nat(valid.length)),
      async (flips, length) => {
        const damaged = Buffer.from(valid);
        for (const [at, byte] of flips) damaged[at] = byte;
        await writeFile(path, damaged.subarray(0, length ?? undefined));
        await readsOrComplains(path);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
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
