import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
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
    "counts.questions of data set: expected a Uint32Array of 3, a number for each row, found Uint32Array of 2.",
  );
  expect([custom, {}, null, "x", { texts: 1, images: 2 }].map(isCustomDataset)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
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
