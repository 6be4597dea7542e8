/** Compares the packaged model with transformers, and tests that order, other inputs and padding do not change results. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { deviation } from "../../fixtures/tolerance.js";
import {
  BridgeTower,
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerProcessor,
  defaultModel,
} from "./index.js";
import { LoadedModel, type GraphSource } from "./loaded-model.js";
import { tinyCheckpoint } from "./tiny-checkpoint.test-support.js";

interface Answers {
  readonly image: string;
  readonly match: readonly {
    readonly text: string;
    readonly logits: readonly number[];
    readonly probability: number;
  }[];
  readonly embed: Readonly<Record<"text_embeds" | "image_embeds" | "cross_embeds", readonly number[]>> & {
    text: string;
  };
  readonly answer: readonly { question: string; answers: string[]; probabilities: number[] }[];
  readonly entail: readonly {
    text: string;
    probabilities: [contradiction: number, neutral: number, entailment: number];
  }[];
  /** Statements about this imageFile and the next. */
  readonly compare: readonly { text: string; probability: number }[];
  readonly fill_mask: { text: string; ids: number[]; argmax: number[]; sentence: string };
}

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const answers = JSON.parse(readFileSync(path("fixtures/data/packaged/expected.json"), "utf8")) as Answers[];
const imageFile = (image: string) => path(`examples/images/${image}`);
const imageFiles = answers.slice(0, 3).map(({ image }) => imageFile(image));

const model = await BridgeTower.fromPretrained();
afterAll(() => model.dispose());

/** Float32 sums may differ in their order, no more. */
const close = { absolute: 1e-5, relative: 1e-5 };
const ofLabels = (found: readonly { readonly probability: number }[]) => found.map(({ probability }) => probability);
const first8 = (vectors: readonly Float32Array[]) => vectors[0]!.slice(0, 8);

test.each(answers)("$image: matches, embeddings and words equal the reference's", async (expected) => {
  const image = imageFile(expected.image);
  const texts = expected.match.map(({ text }) => text);
  const found = await model.match([image], texts);
  for (const [i, { logits, probability }] of expected.match.entries()) {
    expect(found[i]).toMatchObject({ image: 0, text: i });
    expect(deviation(found[i]!.logits, logits)).toBeLessThan(1);
    expect(deviation([found[i]!.probability], [probability])).toBeLessThan(1);
  }
  const { text, text_embeds, image_embeds, cross_embeds } = expected.embed;
  expect(deviation(first8(await model.embedText([text])), text_embeds)).toBeLessThan(1);
  expect(deviation(first8(await model.embedImage([image])), image_embeds)).toBeLessThan(1);
  expect(deviation(first8(await model.embedPair([image], [text])), cross_embeds)).toBeLessThan(1);

  const { sentence, masks } = await model.fillMask(image, expected.fill_mask.text);
  expect(sentence).toBe(expected.fill_mask.sentence);
  const places = expected.fill_mask.ids.flatMap((id, index) => (id === 4 ? [index] : []));
  expect(masks.map(({ index }) => index)).toEqual(places);
  expect(masks.map(({ predictions }) => predictions[0]!.id)).toEqual(places.map((i) => expected.fill_mask.argmax[i]));
});

test.each(answers)("$image: answers, entailment and statements equal PyTorch's", async (expected) => {
  const image = imageFile(expected.image);
  for (const { question, answers: names, probabilities } of expected.answer) {
    const found = await model.answer(image, question, { topK: 3 });
    expect(found.map(({ answer }) => answer)).toEqual(names);
    expect(deviation(ofLabels(found), probabilities)).toBeLessThan(1);
  }
  for (const { text, probabilities } of expected.entail) {
    const found = await model.entail(image, text);
    const ordered = ["contradiction", "neutral", "entailment"].map((name) =>
      found.find(({ label }) => label === name)!,
    );
    expect(deviation(ofLabels(ordered), probabilities)).toBeLessThan(1);
  }
  const next = answers[(answers.indexOf(expected) + 1) % answers.length]!;
  for (const { text, probability } of expected.compare) {
    expect(deviation([await model.compare(image, imageFile(next.image), text)], [probability])).toBeLessThan(1);
  }
});

test("onPhotograph is called if no checkpoint was named, each time that a photograph is decoded", async () => {
  const photograph = path("src/processing/fixtures/chelsea.jpg");
  const bytes = readFileSync(photograph);
  const seen: unknown[] = [];
  const onPhotograph = (image: unknown) => seen.push(image);
  for (const name of [undefined, defaultModel]) {
    const watched = await BridgeTower.fromPretrained(name, { onPhotograph });
    await watched.embedImage([imageFiles[0]!, photograph, bytes]);
    await watched.match([photograph], ["a cat"]);
    await watched.dispose();
  }
  expect(seen).toEqual([photograph, bytes, photograph]);
});

test("embeddings have the config's width and length 1", async () => {
  const embeddings = [
    ...(await model.embedText(["a fox", "two phones and four pumpkins"])),
    ...(await model.embedImage(imageFiles)),
    ...(await model.embedPair(imageFiles.slice(0, 1), ["a fox"])),
  ];
  for (const embedding of embeddings) {
    expect(embedding).toHaveLength(model.config.contrastive_hidden_size!);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    // A copy, not a view that keeps the whole batch in memory.
    expect(embedding.buffer.byteLength).toBe(embedding.byteLength);
  }
});

const texts = [
  "a fox left of a moose",
  "a satellite on the left side on a white background",
  "a fox",
  "a fox left of a moose",
  "",
  "a doughnut, a speaker and a cable car",
];

test("a match of images × texts is that of each pair alone, images outer", async () => {
  const all = await model.match(imageFiles, texts);
  expect(all.map(({ image, text }) => [image, text])).toEqual(
    imageFiles.flatMap((_, image) => texts.map((_text, text) => [image, text])),
  );
  for (const { image, text, logits, probability } of all) {
    const [alone] = await model.match([imageFiles[image]!], [texts[text]!]);
    expect(deviation(logits, alone!.logits, close)).toBeLessThan(1);
    expect(probability).toBeCloseTo(1 / (1 + Math.exp(logits[0] - logits[1])), 12);
  }
});

test("another order of imageFiles and texts gives the same scores in that order", async () => {
  const all = await model.match(imageFiles, texts);
  const turned = await model.match(imageFiles.toReversed(), texts.toReversed());
  const logits = (scores: typeof all) => scores.flatMap((score) => score.logits);
  expect(deviation(logits(turned.toReversed()), logits(all), close)).toBeLessThan(1);
});

test("an embedding does not depend on the other inputs of the call", async () => {
  const paired = texts.map((_, i) => imageFiles[i % imageFiles.length]!);
  const together = [await model.embedText(texts), await model.embedImage(paired), await model.embedPair(paired, texts)];
  for (const [i, text] of texts.entries()) {
    const alone = [
      await model.embedText([text]),
      await model.embedImage([paired[i]!]),
      await model.embedPair([paired[i]!], [text]),
    ];
    for (const [kind, [vector]] of alone.entries()) {
      expect(deviation(together[kind]![i]!, vector!, close)).toBeLessThan(1);
    }
  }
});

test("empty inputs give empty results", async () => {
  expect(await model.match([], texts)).toEqual([]);
  expect(await model.match(imageFiles, [])).toEqual([]);
  expect(await model.embedText([])).toEqual([]);
  expect(await model.embedImage([])).toEqual([]);
  expect(await model.embedPair([], [])).toEqual([]);
});

test("embedPair requires as many images as texts", async () => {
  await expect(model.embedPair(imageFiles, ["a fox"])).rejects.toThrow(
    "embedPair: expected one text per image: the i-th image is embedded with the i-th text, found 3 images and 1 texts.",
  );
});

const keyOf = (graph: string | GraphSource) => (typeof graph === "string" ? graph : graph.key);

/** How often each graph ran during `action`, by the first word of its name. */
async function runs(action: () => Promise<unknown>): Promise<Record<string, number>> {
  const spy = vi.spyOn(LoadedModel.prototype, "run");
  try {
    await action();
    const counts: Record<string, number> = {};
    for (const [graph] of spy.mock.calls) {
      const [name] = keyOf(graph).split(" ");
      counts[name!] = (counts[name!] ?? 0) + 1;
    }
    return counts;
  } finally {
    spy.mockRestore();
  }
}

test("each tower runs once for each image and each length of text", async () => {
  const oneLength = ["a fox left of a moose", "a moose left of a fox", "a fox left of a fox"];
  expect(await runs(() => model.match(imageFiles, oneLength))).toEqual({ text: 1, image: 3, fusion: 3 });
  expect(await runs(() => model.match(imageFiles, [...oneLength, "a fox"]))).toEqual({ text: 2, image: 3, fusion: 6 });
  expect(await runs(() => model.fillMask(imageFiles[0]!, "a <mask>"))).toEqual({ text: 1, image: 1, fusion: 1 });
  expect(await runs(() => model.embedPair(imageFiles, oneLength))).toEqual({ text: 1, image: 1, pairs: 1 });
});

test("more texts than one run takes: two runs, the same embeddings and scores", async () => {
  const many = Array.from({ length: 70 }, (_, i) => (i % 2 === 0 ? "a fox left of a moose" : "a moose left of a fox"));
  const embeddings: Float32Array[] = [];
  expect(await runs(async () => embeddings.push(...(await model.embedText(many))))).toEqual({ text: 2 });
  const [even, odd] = await model.embedText(many.slice(0, 2));
  for (const [i, embedding] of embeddings.entries()) {
    expect(deviation(embedding, i % 2 === 0 ? even! : odd!, close)).toBeLessThan(1);
  }
  const scores = await model.match(imageFiles.slice(0, 1), many);
  for (const { text, logits } of scores) expect(deviation(logits, scores[text % 2]!.logits, close)).toBeLessThan(1);
});

test("progress counts up to the number of answers", async () => {
  const progress: [number, number][] = [];
  const onProgress = (done: number, total: number) => progress.push([done, total]);
  await model.match(imageFiles.slice(0, 2), ["a fox", "a fox left of a moose", "a moose"], { onProgress });
  expect(progress.at(-1)).toEqual([6, 6]);
  expect(progress.every(([done, total], i) => total === 6 && done > (progress[i - 1]?.[0] ?? 0))).toBe(true);
  for (const embed of ["embedText", "embedImage", "embedPair"] as const) {
    progress.length = 0;
    const pairs = [imageFiles, ["a fox", "a moose left of a fox", "a fox"]] as const;
    if (embed === "embedPair") await model.embedPair(...pairs, { onProgress });
    else if (embed === "embedText") await model.embedText(pairs[1], { onProgress });
    else await model.embedImage(pairs[0], { onProgress });
    expect(progress.at(-1)).toEqual([3, 3]);
  }
});

test("a padded batch through the transformers classes equals the tasks, which pad nothing", async () => {
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  const images = texts.map(() => imageFiles[1]!);
  const batch = await processor.process(images, texts, { padding: true });
  expect(batch.attention_mask.toArray()).toContain(0);

  const itm = await BridgeTowerForImageAndTextRetrieval.fromPretrained(defaultModel);
  const scores = await model.match(imageFiles.slice(1, 2), texts);
  const logits = scores.flatMap((score) => score.logits);
  expect(deviation((await itm.forward(batch)).logits.toArray(), logits, close)).toBeLessThan(1);

  const itc = await BridgeTowerForContrastiveLearning.fromPretrained(defaultModel);
  const { text_embeds, image_embeds, cross_embeds } = await itc.forward(batch);
  const flat = (vectors: Float32Array[]) => vectors.flatMap((vector) => [...vector]);
  expect(deviation(text_embeds.toArray(), flat(await model.embedText(texts)), close)).toBeLessThan(1);
  expect(deviation(image_embeds.toArray(), flat(await model.embedImage(images)), close)).toBeLessThan(1);
  expect(deviation(cross_embeds.toArray(), flat(await model.embedPair(images, texts)), close)).toBeLessThan(1);
  await Promise.all([itm.dispose(), itc.dispose()]);
});

test("the most probable token at every position is the reference's", async () => {
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  const mlm = await BridgeTowerForMaskedLM.fromPretrained(defaultModel);
  for (const { image, fill_mask } of answers) {
    const encoding = await processor.process(imageFile(image), fill_mask.text);
    expect(encoding.input_ids.toArray()).toEqual(fill_mask.ids);
    const { logits } = await mlm.forward(encoding);
    expect(logits.argmax().toArray()).toEqual(fill_mask.argmax);
  }
  await mlm.dispose();
});

test("calls at the same time do not disturb each other", async () => {
  const calls = [
    () => model.match(imageFiles, texts),
    () => model.embedText(texts),
    () => model.embedImage(imageFiles),
    () => model.fillMask(imageFiles[0]!, "a <mask>"),
  ];
  const together = await Promise.all([...calls, ...calls].map((call) => call()));
  for (const [i, call] of calls.entries()) {
    expect(together[i]).toEqual(await call());
    expect(together[i + calls.length]).toEqual(together[i]);
  }
});

test("threads and packed weights do not change results; a disposed model rejects calls", async () => {
  const other = await BridgeTower.fromPretrained(defaultModel, {
    threads: 1,
    prepackText: true,
    prepare: ["embedText"],
  });
  const [embedding] = await other.embedText(["a fox"]);
  expect(deviation(embedding!, (await model.embedText(["a fox"]))[0]!, close)).toBeLessThan(1);
  const disposed =
    "model: expected an open model, found a model that was disposed of. Call dispose() after the last call, or load the model again.";
  const underWay = expect(other.embedText(["a fox"])).rejects.toThrow(disposed);
  await other.dispose();
  await underWay;
  await expect(other.embedText(["a fox"])).rejects.toThrow(disposed);
  await expect(other.embedImage([imageFiles[0]!])).rejects.toThrow(disposed);
});

test("a head that a prepared task needs is missed at once", async () => {
  const folder = await tinyCheckpoint({ heads: ["itm"] });
  await expect(BridgeTower.fromPretrained(folder, { prepare: ["fillMask"] })).rejects.toThrow("mlm_score");
});

test("a single input gives a single embedding, a list gives a list", async () => {
  const [image, text] = [imageFiles[0]!, "a fox"];
  expect(await model.embedText(text)).toEqual((await model.embedText([text]))[0]);
  expect(await model.embedImage(image)).toEqual((await model.embedImage([image]))[0]);
  expect(await model.embedPair(image, text)).toEqual((await model.embedPair([image], [text]))[0]);
  expect(await model.match(image, text)).toEqual(await model.match([image], [text]));
  expect([await model.embedText([]), await model.embedImage([]), await model.match([], "a fox")]).toEqual([[], [], []]);
});
