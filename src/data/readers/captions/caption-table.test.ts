import { copyFile, mkdir, open, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

import fc from "fast-check";
import { expect, test } from "vitest";

import { InputError } from "../../../errors.js";
import type { Dataset } from "../../dataset.js";
import { joinDatasets } from "../join-datasets.js";
import { complaint, opened, imageBytes, imagesOf, temporaryFolder } from "../tables.test-support.js";
import { readDelimited, type TableRecord } from "./delimited.js";
import { headerFit } from "./table-kind.js";

async function table(name: string, text: string | Uint8Array): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder();
  for (const i of [0, 1]) await writeFile(join(folder, `${i}.png`), imageBytes(i));
  await writeFile(join(folder, name), text);
  return { folder, path: join(folder, name) };
}

const jsonLines = (...rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

test("JSON Lines with every kind of text", async () => {
  const { folder } = await table(
    "pairs.jsonl",
    jsonLines(
      {
        image: "0.png",
        captions: ["a dog", "a dog", "", "a brown dog"],
        negatives: [{ text: "a cat", facet: "obj" }, { text: "a red dog", facet: "col" }, "a bird"],
        questions: [
          { question: "what?", answer: "dog" },
          {
            question: "how many?",
            answers: [
              { answer: "1", score: 0.9 },
              { answer: "one", score: 0.3, label: 4 },
            ],
            question_id: 12,
          },
          { question: "where?" },
        ],
        hypotheses: [
          { text: "it runs", label: "neutral" },
          { text: "an animal", label: "entailment" },
          { text: "a stone", label: 0 },
          { text: "who knows" },
        ],
      },
      {
        images: ["0.png", "1.png"],
        statements: [
          { text: "both", label: true },
          { text: "none", label: "False" },
        ],
      },
      { image: "1.png" },
    ),
  );
  const dataset = await opened(folder);
  expect(dataset.texts(0)).toEqual({
    captions: ["a dog", "a brown dog"],
    negatives: [{ text: "a cat", facet: "obj" }, { text: "a red dog", facet: "col" }, { text: "a bird" }],
    questions: [
      { question: "what?", answers: [{ answer: "dog", score: 1 }] },
      {
        question: "how many?",
        questionId: 12,
        answers: [
          { answer: "1", score: 0.9 },
          { answer: "one", score: 0.3, label: 4 },
        ],
      },
      { question: "where?", answers: [] },
    ],
    hypotheses: [
      { text: "it runs", label: 1 },
      { text: "an animal", label: 2 },
      { text: "a stone", label: 0 },
      { text: "who knows" },
    ],
    statements: [],
  });
  expect(dataset.texts(1).statements).toEqual([
    { text: "both", label: 1 },
    { text: "none", label: 0 },
  ]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(0), imageBytes(1)]);
  expect(dataset.images(2)[0]!.name).toBe(join(folder, "1.png"));
  expect(dataset.counts).toEqual({
    captions: Uint32Array.of(2, 0, 0),
    questions: Uint32Array.of(3, 0, 0),
    hypotheses: Uint32Array.of(4, 0, 0),
    statements: Uint32Array.of(0, 2, 0),
    negatives: Uint32Array.of(3, 0, 0),
  });
});

test("the fields of Hugging Face's imagefolder and of flat rows", async () => {
  const rows = [
    { file_name: "./0.png", text: "one" },
    { file_name: "1.png", question: "what?", answer: ["yes", "no"], answer_scores: [1, 0.3], question_id: "7" },
    { image_0: "0.png", image_1: "1.png", statement: "both", label: 1 },
    { file_name: "0.png", hypothesis: "it is so", label: "entailment" },
  ];
  const { path } = await table("metadata.jsonl", jsonLines(...rows));
  const dataset = await opened(path);
  expect(dataset.rows).toBe(3);
  expect(dataset.texts(0)).toMatchObject({ captions: ["one"], hypotheses: [{ text: "it is so", label: 2 }] });
  expect(dataset.texts(1).questions).toEqual([
    {
      question: "what?",
      questionId: 7,
      answers: [
        { answer: "yes", score: 1 },
        { answer: "no", score: 0.3 },
      ],
    },
  ]);
  expect(dataset.texts(2).statements).toEqual([{ text: "both", label: 1 }]);
});

test("CSV: lines with the same image are one row, quotes, a byte order mark, Windows line ends", async () => {
  const text =
    '\ufefffilename,title,other\r\n0.png,"a, ""b""\nc",x\r\n\r\n1.png,second,x\r\n0.png,third,\r\n0.png,third,\r\n1.png,,\r\n';
  const dataset = await opened((await table("pairs.csv", text)).path);
  expect([0, 1].map((row) => dataset.texts(row).captions)).toEqual([['a, "b"\nc', "third"], ["second"]]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
});

test("TSV with quotes as text, and columns by the user's names", async () => {
  const { folder, path } = await table(
    "pairs.tsv",
    'pic\tfr\ten\n0.png\tun "chien"\ta "dog"\n1.png\t"un" chat\ta cat\n',
  );
  const dataset = await opened({ path, columns: { image: "pic", caption: "fr" } });
  expect([0, 1].map((row) => dataset.texts(row).captions)).toEqual([['un "chien"'], ['"un" chat']]);
  expect(await complaint(folder, opened({ path, columns: { image: "pick", caption: "fr" } }))).toMatchSnapshot();
});

test("lists nested 20,000 deep are refused as other lists are", async () => {
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const { folder, path } = await table("x.jsonl", `{"image": "0.png", "caption": ${deep}}\n`);
  expect(await complaint(folder, opened(path))).toContain("found a list of 1, first a list of 1");
});

test("a column that the user named and no row of JSON Lines has", async () => {
  const { folder, path } = await table("x.jsonl", jsonLines({ image: "0.png", en: "a" }));
  expect(await complaint(folder, opened({ path, columns: { caption: "eng" } }))).toMatchSnapshot();
});

test("rows of one split", async () => {
  const { path } = await table("x.csv", "image,caption,split\n0.png,a,train\n1.png,b,val\n");
  const dataset = await opened({ path, split: "val" });
  expect([dataset.rows, dataset.texts(0).captions]).toEqual([1, ["b"]]);
});

test.each<[name: string, file: string, text: string | Uint8Array]>([
  ["no header", "x.csv", "0.png,a dog\n1.png,a cat\n"],
  ["a header without images", "x.csv", "caption,url\na,b\n"],
  ["a name twice", "x.csv", "image,caption,caption\n"],
  ["a cell too many", "x.csv", "image,caption\n0.png,a dog, brown\n"],
  ["a cell too few", "x.csv", "image,caption,split\n0.png,a dog\n"],
  ["text after a closing quote", "x.csv", 'image,caption\n0.png,"a" dog\n'],
  ["a list that is cut off", "x.csv", "image,caption\n0.png,\"['a', 'b]\"\n"],
  ["UTF-16", "x.csv", Buffer.from("\ufeffimage,caption\n0.png,a\n", "utf16le")],
  ["a Git LFS pointer", "x.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"],
  ["a web page", "x.jsonl", "<!DOCTYPE html>\n<html></html>"],
  ["semicolons and no known name", "x.csv", "bild;beschreibung\n0.png;a\n"],
  ["an open quote", "x.csv", 'image,caption\n0.png,"a dog\n'],
  ["an empty file", "x.csv", ""],
  ["a header only", "x.csv", "image,caption\n"],
  ["no row", "x.jsonl", "\n \n"],
  ["no JSON", "x.jsonl", '{"image": "0.png"}\n{"image": '],
  ["a list", "x.jsonl", "[1]"],
  ["deep nesting", "x.jsonl", "[".repeat(100_000)],
  ["a text without image", "x.jsonl", '{"caption": "a dog"}'],
  ["half a pair", "x.jsonl", '{"image_0": "0.png", "statement": "both"}'],
  ["three images", "x.jsonl", '{"images": ["0.png", "1.png", "0.png"]}'],
  ["an image that is a number", "x.jsonl", '{"image": 7}'],
  ["a caption that is a number", "x.jsonl", '{"image": "0.png", "caption": [3]}'],
  ["a question without text", "x.jsonl", '{"image": "0.png", "questions": [{"answer": "a"}]}'],
  ["an unknown relation", "x.jsonl", '{"image": "0.png", "hypotheses": [{"text": "a", "label": "maybe"}]}'],
  ["a score above 1", "x.jsonl", '{"image": "0.png", "question": "a", "answers": [{"answer": "b", "score": 10}]}'],
  ["answers too few", "x.jsonl", '{"image": "0.png", "questions": ["a", "b"], "answers": ["c"]}'],
  ["an absolute path of Windows", "x.jsonl", '{"image": "C:\\\\a.png"}'],
  ["an address", "x.csv", "image,caption\nhttps://example.org/a.png,a dog\n"],
  ["an address in JSON", "x.jsonl", '{"image_url": "https://example.org/a.png", "caption": "a dog"}'],
  ["an image in base64", "x.csv", `image,caption\n${"iVBORw0KGgo".repeat(40)},a dog\n`],
  ["a data URL", "x.csv", 'image,caption\n"data:image/png;base64,iVBO",a dog\n'],
  ["a file: URL of another machine", "x.csv", "image,caption\nfile://host/a.png,a dog\n"],
  ["a path with a zero", "x.jsonl", '{"image": "a\\u0000.png"}'],
  ["Latin-1", "x.csv", Buffer.from("image,caption\n0.png,ein B\xe4r\n", "latin1")],
  ["a row too long", "x.jsonl", `{"image": "0.png", "caption": "${"a".repeat(2 ** 24)}"}`],
  ["a cell too long", "x.csv", `image,caption\n0.png,"${"a".repeat(2 ** 24)}"\n`],
])("refuses: %s", async (_, file, text) => {
  const { folder, path } = await table(file, text);
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
});

/** The captions of each row, by the name of its image. */
function captionsOf(dataset: Dataset): Record<string, readonly string[]> {
  const rows = Array.from({ length: dataset.rows }, (_, row) => [
    basename(dataset.images(row)[0]!.name),
    dataset.texts(row).captions,
  ]);
  return Object.fromEntries(rows) as Record<string, readonly string[]>;
}

test.each<[name: string, file: string, text: string, captions: Record<string, string[]>]>([
  [
    "quotes in tab-separated cells are text unless they enclose a cell",
    "x.tsv",
    'image\tcaption\n0.png\t"hello there\n1.png\ta cat\n2.png\ta "big" dog\n3.png\t"a ""b""\nc"\n4.png\tthe 12"\n',
    {
      "0.png": ['"hello there'],
      "1.png": ["a cat"],
      "2.png": ['a "big" dog'],
      "3.png": ['a "b"\nc'],
      "4.png": ['the 12"'],
    },
  ],
  [
    "a quote inside a cell of a CSV is text",
    "x.csv",
    'image,caption\n0.png,a 12" ruler\n1.png,the "big" dog\n',
    { "0.png": ['a 12" ruler'], "1.png": ['the "big" dog'] },
  ],
  ["semicolons", "x.csv", "image;caption\r\n0.png;a cat, black\r\n", { "0.png": ["a cat, black"] }],
  ["semicolons and quotes", "x.csv", '"image";"caption"\n0.png;"a; b"\n', { "0.png": ["a; b"] }],
  ["tabs in a CSV", "x.csv", "image\tcaption\n0.png\ta, b\n", { "0.png": ["a, b"] }],
  ["commas in a TSV", "x.tsv", "image,caption\n0.png,a\n", { "0.png": ["a"] }],
  ["a separator in a line of its own", "x.csv", "sep=;\nimage;caption\n0.png;a\n", { "0.png": ["a"] }],
  [
    "bars and blanks, as in the table of Flickr30k",
    "results.csv",
    "image_name| comment_number| comment\n0.png| 0| Two cats .\n0.png| 1| Cats | sit .\n".replace(" | s", " s"),
    { "0.png": ["Two cats .", "Cats sit ."] },
  ],
  ["blanks after commas", "x.csv", 'image, caption\n0.png, "a, b"\n1.png, c\n', { "0.png": ["a, b"], "1.png": ["c"] }],
  [
    "lists in JSON",
    "x.csv",
    'filename,caption\n0.png,"[""a cat"", ""a black cat""]"\n',
    { "0.png": ["a cat", "a black cat"] },
  ],
  [
    "lists as Python prints them",
    "x.csv",
    `filename,caption\n0.png,"['a cat', ""it's black"", 'it\\'s']"\n`,
    { "0.png": ["a cat", "it's black", "it's"] },
  ],
  [
    "brackets that are no list",
    "x.csv",
    "image,caption\n0.png,[a cat]\n1.png,[1]\n",
    { "0.png": ["[a cat]"], "1.png": ["[1]"] },
  ],
  [
    "numbers of captions after names, as in Flickr's token files",
    "x.tsv",
    "image\tcaption\n100.jpg#0\tTwo cats .\n100.jpg#1\tCats sit .\n",
    { "100.jpg": ["Two cats .", "Cats sit ."] },
  ],
  ["a caption that differs in blanks", "x.csv", "image,caption\n0.png,a cat \n0.png,a cat\n", { "0.png": ["a cat "] }],
  ["a CSV with another ending", "captions.txt", "image,caption\n0.png,a\n", { "0.png": ["a"] }],
  ["JSON Lines with another ending", "x.json", '{"image": "0.png", "caption": "a"}\n', { "0.png": ["a"] }],
  ["old line ends", "x.csv", "image,caption\r0.png,a\r1.png,b", { "0.png": ["a"], "1.png": ["b"] }],
  ["a line of separators", "x.csv", "image,caption\n0.png,a\n,,\n,\n", { "0.png": ["a"] }],
  ["NaN", "x.jsonl", '{"image": "0.png", "caption": "NaN a", "score": NaN, "negatives": NaN}', { "0.png": ["NaN a"] }],
])("reads: %s", async (_, file, text, captions) => {
  const { path } = await table(file, text);
  expect(captionsOf(await opened(path))).toEqual(captions);
});

test.each([1, 2, 3, 5, 7])("a table that comes in pieces of %i characters", async (length) => {
  const text = 'image;caption\r\n0.png;"a ""b"";\r\nc"\r\n1.png;"d"\r\n\r\n2.png;e ""f\r\n';
  const records: unknown[] = [];
  const pieces = async function* () {
    for (let i = 0; i < text.length; i += length) yield await Promise.resolve(text.slice(i, i + length));
  };
  await readDelimited("x.csv", pieces(), {
    announced: ",",
    fit: headerFit({}),
    onHeader: (names) => records.push(names),
    onRecord: (record) => records.push(record),
  });
  expect(records).toEqual([
    ["image", "caption"],
    { line: 2, lastLine: 3, values: { image: "0.png", caption: 'a "b";\r\nc' } },
    { line: 4, lastLine: 4, values: { image: "1.png", caption: "d" } },
    { line: 6, lastLine: 6, values: { image: "2.png", caption: 'e ""f' } },
  ]);
});

test("cells come back as they were written, whatever the separator and the pieces", async () => {
  const cell = fc.string({
    unit: fc.constantFrom("a", "é", " ", '"', ",", ";", "\t", "|", "\n", "\r"),
    minLength: 1,
    maxLength: 8,
  });
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { maxLength: 6 }),
      fc.constantFrom(",", ";", "|"),
      fc.integer({ min: 1, max: 20 }),
      async (rows, separator, length) => {
        const lines = [["image", "caption"], ...rows].map((row) => row.map(quoted).join(separator));
        const text = lines.join("\n");
        const found: unknown[] = [];
        const pieces = async function* () {
          for (let i = 0; i < text.length; i += length) yield await Promise.resolve(text.slice(i, i + length));
        };
        const onRecord = ({ values }: TableRecord) => found.push([values["image"], values["caption"]]);
        await readDelimited("x", pieces(), { announced: ",", fit: headerFit({}), onHeader: () => undefined, onRecord });
        const isBlank = (row: readonly string[]) => row.every((text) => text.trim() === "");
        expect(found).toEqual(rows.map((row) => (isBlank(row) ? [undefined, undefined] : row)));
      },
    ),
    { seed: 1 },
  );
});

test("the pieces in which a table is read make no difference, whatever is in it", async () => {
  const outcome = async (text: string, announced: "," | "\t", length: number) => {
    const found: unknown[] = [];
    const pieces = async function* () {
      for (let i = 0; i < text.length; i += length) yield await Promise.resolve(text.slice(i, i + length));
    };
    const onHeader = (names: readonly string[]) => found.push(names);
    const options = { announced, fit: headerFit({}), onHeader, onRecord: (record: TableRecord) => found.push(record) };
    await readDelimited("x", pieces(), options).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      found.push(error.message);
    });
    return found;
  };
  const unit = fc.constantFrom("a", " ", '"', '"', ",", ";", "\t", "\t", "|", "\n", "\r", "image", "sep=");
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit, maxLength: 40 }),
      fc.constantFrom(
        "" as const,
        "image\tcaption\n" as const,
        "image,caption\r\n" as const,
        "image| caption\n" as const,
      ),
      fc.constantFrom("," as const, "\t" as const),
      fc.integer({ min: 1, max: 9 }),
      async (text, header, announced, length) => {
        const whole = await outcome(header + text, announced, Infinity);
        expect(await outcome(header + text, announced, length)).toEqual(whole);
      },
    ),
    { seed: 1, numRuns: 2000 },
  );
});

test("paths as other systems write them, and paths that lead out of the folder", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "tables"));
  await mkdir(join(folder, "images"));
  for (const i of [0, 1]) await writeFile(join(folder, "images", `${i}.png`), imageBytes(i));
  await mkdir(join(folder, "tables", "images"));
  await copyFile(join(folder, "images", "1.png"), join(folder, "tables", "images", "1.png"));
  await writeFile(join(folder, "tables", "images", "caf\u00e9.png".normalize("NFD")), imageBytes(3));
  const csv = join(folder, "tables", "x.csv");
  const rows = ["images\\1.png", ".\\images\\1.png", "images/1.png", "..\\images\\0.png", "../images/1.png"];
  const absolute = join(folder, "images", "0.png");
  await writeFile(
    csv,
    ["image,caption", ...[...rows, absolute, "images/caf\u00e9.png"].map((path, i) => `${path},${i}`)].join("\n"),
  );
  const dataset = await opened(csv);
  const found = Array.from({ length: dataset.rows }, (_, row) => dataset.texts(row).captions);
  expect(found).toEqual([["0", "1", "2"], ["3"], ["4"], ["5"], ["6"]]);
  const images = await Promise.all(found.map((_, row) => imagesOf(dataset, row)));
  expect(images).toEqual([1, 0, 1, 0, 3].map((i) => [imageBytes(i)]));
  await writeFile(join(folder, "x.jsonl"), JSON.stringify({ image: "images\\0.png" }));
  expect(await imagesOf(await opened(join(folder, "x.jsonl")), 0)).toEqual([imageBytes(0)]);
});

test("names of files as systems without capitals have them, and file: URLs", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "Images"));
  await mkdir(join(folder, "two"));
  await writeFile(join(folder, "Images", "IMG_1.jpg"), imageBytes(1));
  for (const [i, name] of ["a.png", "A.PNG"].entries()) await writeFile(join(folder, "two", name), imageBytes(i));
  const url = pathToFileURL(join(folder, "two", "A.PNG")).href;
  const rows = ["images/img_1.JPG", "two/A.PNG", "two/a.png", url, "two/a.PNG", "images/gone.png"];
  await writeFile(join(folder, "x.csv"), ["image,caption", ...rows.map((path, i) => `${path},${i}`)].join("\n"));
  const dataset = await opened(folder);
  expect(await imagesOf(dataset, 0)).toEqual([imageBytes(1)]);
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect(await imagesOf(dataset, 2)).toEqual([imageBytes(0)]);
  expect(await imagesOf(dataset, 3)).toEqual([imageBytes(1)]);
  // Neither of two files that are alike.
  for (const [row, name] of [
    [4, "two/a.PNG"],
    [5, "images/gone.png"],
  ] as const) {
    expect(await complaint(folder, imagesOf(dataset, row))).toContain(`${name}: expected a file that can be read`);
  }
});

test.each<[name: string, file: string, space: number]>([
  ["in one line", "x.json", 0],
  ["in many lines", "x.json", 2],
  ["with the ending of JSON Lines", "x.jsonl", 2],
])("a list of all rows in JSON, %s", async (_, file, space) => {
  const rows = [
    { image: "0.png", caption: ["a cat", "a } cat"], box: { x: [1] }, split: "train" },
    { caption: "a dog", image: "1.png", image_id: "coco_1", split: "train" },
    { image: "0.png", caption: "again", split: "val" },
  ];
  const { folder, path } = await table(file, `\ufeff${JSON.stringify(rows, undefined, space)}`);
  const dataset = await opened({ path, split: "train" });
  expect(captionsOf(dataset)).toEqual({ "0.png": ["a cat", "a } cat"], "1.png": ["a dog"] });
  expect(await imagesOf(dataset, 1)).toEqual([imageBytes(1)]);
  expect((await opened(folder)).rows).toBe(2);
});

test("a row of a list in JSON that is wrong is named by its number", async () => {
  const problem = async (text: string) => {
    const { folder, path } = await table("x.json", text);
    return complaint(folder, opened(path));
  };
  expect(await problem('[{"image": "0.png"}, {"image": 7}]')).toContain('x.json, element 1, column "image": expected');
  expect(await problem('[{"image": "0.png"}, 5]')).toBe(
    "x.json, element 1: expected a JSON object, found the value 5. Write a list of objects.",
  );
  expect(await problem('[{"image": "0.png"}, {"image": ')).toContain("the file is truncated. Write one list of JSON");
  for (const space of [0, 2]) {
    const coco = { info: { year: 2014 }, images: [{ id: 1, file_name: "0.png" }], annotations: [{ caption: "a" }] };
    expect(await problem(JSON.stringify(coco, undefined, space))).toContain(
      "found annotations as COCO and other data sets publish them. Convert them with `bridgetower prepare`",
    );
  }
  expect(await problem('[{"region": 1, "regions": []}]')).toContain("neither JSON Lines nor a list of objects with");
});

test("names of columns with capitals", async () => {
  const { path } = await table("x.csv", "Image,Caption,SPLIT\n0.png,a,val\n1.png,b,train\n");
  expect((await opened({ path, split: "train" })).texts(0).captions).toEqual(["b"]);
  const both = await table("x.jsonl", jsonLines({ Image: "0.png", Title: "no", caption: "yes" }, { image: "1.png" }));
  const dataset = await opened(both.path);
  expect([0, 1].map((row) => dataset.texts(row).captions)).toEqual([["yes"], []]);
});

test("what is left out or merged is counted and named", async () => {
  const text = 'image,caption\n0.png,a cat\n0.png,a cat \n1.png,\n2.png," "\n,\n3.png,"b\nc"\n';
  const dataset = await opened((await table("x.csv", text)).path);
  expect(dataset.rows).toBe(4);
  expect(dataset.report).toMatchObject({
    records: 6,
    emptyRecords: 1,
    recordsWithoutText: 2,
    recordsWithoutImage: 0,
    emptyCaptions: 1,
    repeatedCaptions: 1,
    otherFiles: 0,
  });
  expect(dataset.report!.notes.map((note) => note.replaceAll(/\/\S+\//g, ""))).toMatchSnapshot();
  const clean = await opened((await table("x.csv", "image,caption\n0.png,a\n")).path);
  expect(clean.report!.notes).toEqual([]);
});

test("rows of several splits are named if none was chosen", async () => {
  const { path } = await table("x.csv", "image,caption,split\n0.png,a,train\n1.png,b,Val\n2.png,c,restval\n");
  const dataset = await opened(path);
  expect([dataset.rows, dataset.mixedSplits]).toEqual([3, ["train", "Val", "restval"]]);
  expect(dataset.report!.notes).toEqual(["rows of several splits are read together: train, Val, restval"]);
  expect(joinDatasets("joined", [dataset, dataset]).mixedSplits).toEqual(["train", "Val", "restval"]);
  expect((await opened({ path, split: "train" })).mixedSplits).toBeUndefined();
  const other = await table("y.csv", "image,caption,split\n0.png,a,train\n1.png,b,restval\n");
  expect((await opened(other.path)).mixedSplits).toBeUndefined();
});

test("names of the prototype are no columns", async () => {
  const { path } = await table("x.jsonl", '{"image": "0.png", "__proto__": {"caption": "a"}, "toString": 1}');
  expect((await opened(path)).texts(0).captions).toEqual([]);
});

test.each(["x.jsonl", "x.csv"])("a line of 1 GB in %s is refused when little of it has been read", async (name) => {
  const { folder, path } = await table(name, name === "x.csv" ? "image,caption\n" : '{"image": "0.png"}\n');
  await truncate(path, 2 ** 30);
  const before = process.memoryUsage().rss;
  const read: number[] = [];
  const onProgress = (done: number) => void read.push(done);
  expect(await complaint(folder, opened(path, { onProgress }))).toMatch(/x\.\w+, line 2: expected .*at most 16777216/);
  expect(read.at(-1)).toBeLessThan(2 ** 26);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
});

test("a missing image, or one that is not a file, is an error when it is read", async () => {
  const { folder, path } = await table("x.jsonl", jsonLines({ image: "gone.png" }, { image: "sub" }, { image: "." }));
  await mkdir(join(folder, "sub"));
  const dataset = await opened(path);
  for (const row of [0, 1, 2]) expect(await complaint(folder, dataset.images(row)[0]!.read())).toMatchSnapshot();
});

test("links are followed, as in caches of downloads", async () => {
  const { folder, path } = await table("x.jsonl", jsonLines({ image: "linked/a.png" }));
  const elsewhere = await temporaryFolder();
  await copyFile(join(folder, "1.png"), join(elsewhere, "blob"));
  await mkdir(join(folder, "linked"));
  await symlink(join(elsewhere, "blob"), join(folder, "linked", "a.png"));
  expect(await imagesOf(await opened(path), 0)).toEqual([imageBytes(1)]);
});

test("an image larger than any image is not read", async () => {
  const { folder, path } = await table("x.jsonl", jsonLines({ image: "0.png" }));
  const handle = await open(join(folder, "0.png"), "r+");
  await handle.truncate(2 ** 40);
  await handle.close();
  expect(await complaint(folder, (await opened(path)).images(0)[0]!.read())).toMatchSnapshot();
});

test("opening stops on a signal", async () => {
  const { path } = await table("x.jsonl", jsonLines({ image: "0.png" }));
  await expect(opened(path, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});
