import { copyFile, mkdir, open, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { complaint, opened, imageBytes, imagesOf, temporaryFolder } from "../tables.test-support.js";

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
  ["an open quote", "x.csv", 'image,caption\n0.png,"a dog\n'],
  ["a quote inside", "x.csv", 'image,caption\n0.png,a "dog"\n'],
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
  ["a path upwards", "x.jsonl", '{"image": "a/../../0.png"}'],
  ["a path upwards, for Windows", "x.jsonl", '{"image": "..\\\\0.png"}'],
  ["an absolute path", "x.jsonl", '{"image": "/etc/passwd"}'],
  ["an absolute path of Windows", "x.jsonl", '{"image": "C:\\\\a.png"}'],
  ["an address", "x.csv", "image,caption\nhttps://example.org/a.png,a dog\n"],
  ["a path with a zero", "x.jsonl", '{"image": "a\\u0000.png"}'],
  ["Latin-1", "x.csv", Buffer.from("image,caption\n0.png,ein B\xe4r\n", "latin1")],
  ["a row too long", "x.jsonl", `{"image": "0.png", "caption": "${"a".repeat(2 ** 24)}"}`],
  ["a cell too long", "x.csv", `image,caption\n0.png,"${"a".repeat(2 ** 24)}"\n`],
])("refuses: %s", async (_, file, text) => {
  const { folder, path } = await table(file, text);
  expect(await complaint(folder, opened(path))).toMatchSnapshot();
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
