/** The command's numbers are those of transformers, for the packaged model. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSafetensors, readTensor } from "../checkpoint/index.js";
import type { StoredTensor } from "../graph/index.js";
import { documentOf, runCli } from "./run-cli.test-support.js";

interface Golden {
  readonly image: string;
  readonly match: readonly { text: string; logits: readonly [number, number]; probability: number }[];
  readonly embed: { text: string; text_embeds: number[]; image_embeds: number[]; cross_embeds: number[] };
  readonly answer: readonly { question: string; answers: string[]; probabilities: number[] }[];
  readonly entail: readonly { text: string; probabilities: number[] }[];
  readonly compare: readonly { text: string; probability: number }[];
  readonly fill_mask: { text: string; ids: number[]; argmax: number[]; sentence: string };
}

interface Embedded {
  readonly image: string;
  readonly text: string;
  readonly embedding: number[];
}

const goldens = JSON.parse(
  await readFile(new URL("../../fixtures/data/packaged/expected.json", import.meta.url), "utf8"),
) as Golden[];
const rawImageOf = ({ image }: Golden) => `examples/images/${image}`;
const flags = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);

function expectNear(actual: readonly number[], expected: readonly number[]): void {
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
  expect(worst).toBeLessThan(1e-4);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("match: every image of a folder with every text, images outer, texts inner", async () => {
  const texts = [...new Set(goldens.flatMap(({ match }) => match.map(({ text }) => text)))];
  const input = `${texts.slice(1).join("\r\n")}\r\n`;
  const args = ["match", "--image", "examples/images", "--text", texts[0]!, "--text", "-", "--json"];
  const { scores } = documentOf<{ scores: { image: string; text: string; logits: number[]; probability: number }[] }>(
    await runCli(args, { stdin: input }),
  );
  expect(scores.map(({ image, text }) => `${image} ${text}`)).toEqual(
    goldens.flatMap((golden) => texts.map((text) => `${rawImageOf(golden)} ${text}`)),
  );
  for (const golden of goldens) {
    for (const { text, logits, probability } of golden.match) {
      const score = scores.find((one) => one.image === rawImageOf(golden) && one.text === text)!;
      expectNear(score.logits, logits);
      expectNear([score.probability], [probability]);
    }
  }
});

test("embed: images, texts and pairs", async () => {
  const args = [
    ...flags("--image", goldens.map(rawImageOf)),
    ...flags(
      "--text",
      goldens.map(({ embed }) => embed.text),
    ),
  ];
  const document = documentOf<Record<"images" | "texts" | "pairs", Embedded[]> & { dimensions: number }>(
    await runCli(["embed", ...args, "--pairs", "--json"]),
  );
  expect(Object.keys(document)).toEqual(["dimensions", "images", "texts", "pairs"]);
  expect(document.dimensions).toBe(128);
  goldens.forEach((golden, i) => {
    const { embed } = golden;
    expect(document.pairs[i]).toMatchObject({ image: rawImageOf(golden), text: embed.text });
    expect(document.pairs[i]!.embedding).toHaveLength(128);
    expectNear(document.images[i]!.embedding, embed.image_embeds);
    expectNear(document.texts[i]!.embedding, embed.text_embeds);
    expectNear(document.pairs[i]!.embedding, embed.cross_embeds);
  });
});

test("embed: texts alone", async () => {
  const document = documentOf<object>(await runCli(["embed", "--text", "a fox", "--json"]));
  expect(document).toMatchObject({ images: [], texts: [{ text: "a fox" }] });
  expect(document).not.toHaveProperty("pairs");
});

test("fill-mask: the sentence, and five candidates of each mask by default", async () => {
  const [golden] = goldens;
  const args = ["fill-mask", "--image", rawImageOf(golden!), "--text", golden!.fill_mask.text, "--json"];
  interface Filled {
    readonly sentence: string;
    readonly masks: { index: number; predictions: { id: number; token: string; probability: number }[] }[];
  }
  const five = documentOf<Filled>(await runCli(args));
  const all = documentOf<Filled>(await runCli([...args, "--top-k", "1000000"]));
  const [mask] = five.masks;
  expect(five.sentence).toBe(golden!.fill_mask.sentence);
  expect(five.masks).toHaveLength(1);
  expect(mask!.index).toBe(golden!.fill_mask.ids.indexOf(4));
  expect(mask!.predictions).toHaveLength(5);
  expect(mask!.predictions[0]!.id).toBe(golden!.fill_mask.argmax[mask!.index]);
  expect(all.masks[0]!.predictions).toHaveLength(3000);
  expect(all.masks[0]!.predictions.slice(0, 5)).toEqual(mask!.predictions);
});

interface Probable {
  readonly probability: number;
}

test("answer: five answers by default, with the question from standard input or the flag", async () => {
  const [golden] = goldens;
  const { question, answers, probabilities } = golden!.answer[0]!;
  const args = ["answer", "--image", rawImageOf(golden!), "--json", "--question"];
  const [five, two] = await Promise.all([
    runCli([...args, question]),
    runCli([...args, "-", "--top-k", "2"], { stdin: `${question}\n` }),
  ]);
  const document = documentOf<{ question: string; answers: (Probable & { answer: string })[] }>(five);
  expect(Object.keys(document)).toEqual(["question", "answers"]);
  expect(document.question).toBe(question);
  expect(document.answers).toHaveLength(5);
  expect(document.answers.map(({ answer }) => answer).slice(0, 3)).toEqual(answers);
  expectNear(
    document.answers.map(({ probability }) => probability),
    probabilities,
  );
  expect(documentOf(two)).toEqual({ question, answers: document.answers.slice(0, 2) });
});

test("entail and compare: labels best first, the probability of a statement about two images", async () => {
  const [left, right] = goldens;
  const [{ text: hypothesis, probabilities }] = left!.entail as [Golden["entail"][number]];
  const [{ text: statement, probability }] = left!.compare as [Golden["compare"][number]];
  const image = ["--json", "--image", rawImageOf(left!)];
  const [entailed, compared] = await Promise.all([
    runCli(["entail", ...image, "--hypothesis", hypothesis]),
    runCli(["compare", ...image, "--image", rawImageOf(right!), "--statement", statement]),
  ]);
  const { labels, ...rest } = documentOf<{ labels: (Probable & { label: string })[] }>(entailed);
  expect(rest).toEqual({ hypothesis });
  const expected = ["contradiction", "neutral", "entailment"].map((label, i) => [label, probabilities[i]!] as const);
  expected.sort(([, a], [, b]) => b - a);
  expect(labels.map(({ label }) => label)).toEqual(expected.map(([label]) => label));
  expectNear(
    labels.map(({ probability }) => probability),
    expected.map(([, value]) => value),
  );
  const truth = documentOf<Probable & { statement: string }>(compared);
  expect(truth.statement).toBe(statement);
  expectNear([truth.probability], [probability]);
});

const tensorsIn = async (file: string) =>
  Object.fromEntries(
    [...(await readSafetensors(file))].map(([name, { dtype, shape }]: [string, StoredTensor]) => [
      name,
      `${dtype}[${shape.join(", ")}]`,
    ]),
  );

test("encode: features, and the states of every layer on request", async () => {
  const args = ["encode", "--image", "examples/images/000.png", "--text", "a fox", "--json", "--out"];
  const plain = join(folder, "plain.safetensors");
  const states = join(folder, "states.safetensors");
  const [shown] = await Promise.all([runCli([...args, plain]), runCli([...args, states, "--hidden-states"])]);
  const features = {
    text_features: "float32[1, 4, 192]",
    image_features: "float32[1, 37, 192]",
    pooler_output: "float32[1, 384]",
  };
  const numbered = (prefix: string, count: number, shape: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`hidden_states.${prefix}.${i}`, `float32[${shape}]`]));
  expect(await tensorsIn(plain)).toEqual(features);
  expect(await tensorsIn(states)).toEqual({
    ...features,
    ...numbered("text", 6, "1, 4, 192"),
    ...numbered("image", 6, "1, 37, 192"),
    ...numbered("cross_text", 3, "1, 4, 192"),
    ...numbered("cross_image", 3, "1, 37, 192"),
  });
  expect(documentOf(shown)).toMatchObject({
    out: plain,
    tensors: [{ name: "text_features", dtype: "float32", shape: [1, 4, 192] }, {}, {}],
  });
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("preprocess: the inputs, with texts truncated to the model's limit", async () => {
  const both = join(folder, "both.safetensors");
  const text = join(folder, "text.safetensors");
  const long = "a fox left of a moose ".repeat(40);
  const { text: known, ids } = { ...goldens[0]!.fill_mask };
  const results = await Promise.all([
    runCli(["preprocess", "--image", "examples/images/000.png", "--text", known, "--out", both]),
    runCli(["preprocess", "--text", long, "--out", text]),
  ]);
  expect(results.map(({ code, stderr }) => `${code}${stderr}`)).toEqual(["0", "0"]);
  expect(await tensorsIn(both)).toEqual({
    pixel_values: "float32[1, 3, 96, 96]",
    pixel_mask: "int64[1, 96, 96]",
    input_ids: `int64[1, ${ids.length}]`,
    attention_mask: `int64[1, ${ids.length}]`,
  });
  const stored = await readTensor((await readSafetensors(both)).get("input_ids")!);
  expect(stored.toArray()).toEqual(ids);
  expect(await tensorsIn(text)).toEqual({ input_ids: "int64[1, 64]", attention_mask: "int64[1, 64]" });
});

test("export: a folder of ONNX files, listed with inputs and outputs", async () => {
  const out = join(folder, "onnx");
  const { files } = documentOf<{ files: { file: string; bytes: number; inputs: string[] }[] }>(
    await runCli(["export", "--out", out, "--json"]),
  );
  const names = await readdir(out);
  expect(files.map(({ file }) => file)).toContain(join(out, "model.onnx"));
  for (const { file, bytes } of files) {
    expect(names.map((name) => join(out, name))).toContain(file);
    expect(bytes).toBe((await readFile(file)).length);
  }
});
