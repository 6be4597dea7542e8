import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSource, type ImageSource, type RowTexts } from "./dataset.js";
import { joinDatasets } from "./readers/join-datasets.js";
import { completeDataset, isCustomDataset, openModule, refuseModule, type CustomDataset } from "./custom-dataset.js";

const image = { name: "dot.png", read: () => Promise.resolve(Uint8Array.of(1)) };
const custom: CustomDataset = {
  rows: 3,
  images: () => [image],
  texts: (row) => (row === 1 ? { questions: [] } : { captions: ["a", "b"].slice(0, row + 1) }),
};

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "modules-"))));
afterAll(() => rm(folder, { recursive: true }));

const problemOf = (action: Promise<unknown>) =>
  action.then(
    () => "none",
    (error: unknown) => String(error).replaceAll(folder, "FOLDER"),
  );

async function moduleOf(name: string, code: string): Promise<string> {
  await writeFile(join(folder, name), code);
  return name;
}

test("missing kinds of texts are empty, and texts are counted", async () => {
  const data = completeDataset(custom);
  expect([data.name, data.rows, data.labelled]).toEqual(["data set", 3, undefined]);
  expect([...data.counts.captions]).toEqual([1, 0, 2]);
  expect([...data.counts.statements]).toEqual([0, 0, 0]);
  expect(data.texts(2)).toEqual({
    captions: ["a", "b"],
    questions: [],
    hypotheses: [],
    statements: [],
    negatives: [],
  });
  expect(data.images(0)).toEqual([image]);
  await data.close();
});

test("await using calls close; a copy calls its own close", async () => {
  const closed: string[] = [];
  const close = (name: string) => () => Promise.resolve(void closed.push(name));
  {
    await using data = completeDataset({ ...custom, close: close("given") });
    await using copy = { ...data, close: close("copy") };
    expect([data.rows, copy.rows]).toEqual([3, 3]);
  }
  expect(closed).toEqual(["copy", "given"]);
});

test("given counts are taken without a text being read; complete texts are not copied", () => {
  const counts = completeDataset(custom).counts;
  const texts = {
    captions: ["a"],
    questions: [],
    hypotheses: [],
    get statements(): [] {
      return expect.fail("a text was read");
    },
    negatives: [],
  };
  const data = completeDataset({ ...custom, name: "mine", counts, labelled: true, texts: () => texts });
  expect([data.name, data.counts, data.labelled]).toEqual(["mine", counts, true]);
  expect(data.texts(0)).toBe(texts);
});

test("invalid rows and counts are refused", () => {
  for (const rows of [0, 1.5, NaN]) {
    expect(() => completeDataset({ ...custom, rows })).toThrow(
      `rows of data set: expected a whole number, 1 or more, found ${rows}.`,
    );
  }
  const { counts } = completeDataset(custom);
  expect(() => completeDataset({ ...custom, counts: { ...counts, questions: new Uint32Array(2) } })).toThrow(
    "counts.questions of data set: expected a Uint32Array of 3, one number per row, found Uint32Array of 2.",
  );
  expect([custom, {}, null, "x", { texts: 1, images: 2 }].map(isCustomDataset)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

const textsThat = (texts: unknown) => () => completeDataset({ ...custom, texts: () => texts as Partial<RowTexts> });
const imagesThat = (images: unknown) => () =>
  completeDataset({ ...custom, images: () => images as ImageSource[] }).images(1);

test.each<[name: string, open: () => unknown, where: string, expected: string]>([
  ["no texts", textsThat(undefined), "texts of row 0 of data set", "an object"],
  ["texts as a list", textsThat(["a"]), "texts of row 0 of data set", "an object"],
  ["one caption", textsThat({ captions: "a" }), "captions of row 0 of data set", "an array"],
  ["a caption that is no text", textsThat({ captions: ["a", 3] }), "captions[1] of row 0 of data set", "a string"],
  ["a question alone", textsThat({ questions: ["how?"] }), "questions[0] of row 0 of data set", "answers"],
  ["an answer alone", textsThat({ questions: [{ question: "how?", answers: ["so"] }] }), "questions[0]", "score"],
  ["a statement alone", textsThat({ statements: ["so"] }), "statements[0] of row 0 of data set", "a string as text"],
  ["no images", imagesThat([]), "images of row 1 of data set", "an array with at least one image"],
  ["one image", imagesThat(image), "images of row 1 of data set", "an array"],
  ["a path", imagesThat(["dot.png"]), "images[0] of row 1 of data set", "an image { name, read }"],
  ["bytes", imagesThat([{ name: "a", read: Uint8Array.of(1) }]), "images[0] of row 1 of data set", "{ name, read }"],
])("%s: the error names the row", (_, open, where, expected) => {
  const problem = { code: "invalid-dataset" };
  expect(open).toThrow(expect.objectContaining(problem) as Error);
  expect(open).toThrow(where);
  expect(open).toThrow(expected);
});

test("an image whose read() gives no bytes is named", async () => {
  const source = { name: "dot.png", read: () => Promise.resolve("dot.png" as unknown as Uint8Array) };
  expect(await problemOf(readSource(source))).toBe(
    'InputError: dot.png: expected read() to give a Uint8Array or a Buffer, found "dot.png".',
  );
  expect(await readSource(image)).toEqual(Uint8Array.of(1));
});

test("rows outside of the data set are refused, and all of them after close()", async () => {
  let closed = 0;
  const data = completeDataset({ ...custom, close: () => void closed++ });
  const joined = joinDatasets("both", [completeDataset(custom), completeDataset(custom)]);
  for (const each of [data, joined]) {
    for (const row of [-1, each.rows, 0.5, NaN]) {
      const problem = { code: "invalid-argument", expected: `a whole number from 0 to ${each.rows - 1}` };
      expect(() => each.texts(row)).toThrow(expect.objectContaining(problem) as Error);
      expect(() => each.images(row)).toThrow(expect.objectContaining(problem) as Error);
    }
    await each.close();
    await each.close();
    expect(() => each.texts(0)).toThrow(expect.objectContaining({ code: "disposed", where: each.name }) as Error);
    expect(() => each.images(0)).toThrow(expect.objectContaining({ code: "disposed" }) as Error);
  }
  expect(closed).toBe(1);
});

test("an error that a module throws for a row names the module and the row", async () => {
  const object = await moduleOf(
    "row.mjs",
    `export default new (class {
      rows = 2;
      texts(row) { return this.of(row); }
      of(row) { if (row === 1) throw new TypeError("no text"); return {}; }
      images(row) { return null.images; }
    })();`,
  );
  expect(await problemOf(openModule({ module: object }, folder))).toBe(
    "InputError: row 1 of FOLDER/row.mjs: expected texts that can be read, found TypeError: no text.",
  );
});

test("a module exports a data set, or a function that gives one", async () => {
  const object = await moduleOf("object.mjs", "export default { rows: 2, texts: () => ({}), images: () => [] };");
  expect((await openModule({ module: object }, folder)).rows).toBe(2);
  const made = await moduleOf(
    "function.mjs",
    'export default async ({ rows }) => ({ name: "made", rows, texts: () => ({ captions: ["a"] }), images: () => [] });',
  );
  const data = await openModule({ module: join(folder, made), options: { rows: 5 } }, "elsewhere");
  expect([data.name, data.rows, data.counts.captions[4]]).toEqual(["made", 5, 1]);
});

test("modules that are missing, broken or export something else", async () => {
  const open = (module: string) => problemOf(openModule({ module }, folder));
  expect(await open("gone.mjs")).toMatch(
    /^InputError: FOLDER\/gone.mjs: expected a module that can be imported, found/,
  );
  const throwing = await moduleOf("throwing.mjs", 'export default () => { throw new TypeError("no art"); };');
  expect(await open(throwing)).toBe(
    "InputError: FOLDER/throwing.mjs: expected a function that gives a data set, found TypeError: no art.",
  );
  expect(await open(await moduleOf("number.mjs", "export default 7;"))).toBe(
    "InputError: FOLDER/number.mjs: expected a data set with rows, texts and images as the default export, or a function that returns one, found number.",
  );
});

test("a module that is not allowed is named", () => {
  expect(() => refuseModule({ module: "./scenes.js" }, "run.json: data.train")).toThrow(
    'run.json: data.train: expected a path of data, because importing a module runs its code, found the module "./scenes.js". Add --allow-modules if you trust it; in code, set modulesFrom.',
  );
});
