/** Questions, hypotheses and statements: tiny models against their classifier computed by hand, and equal results between calls. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { deviation } from "../../fixtures/tolerance.js";
import type { HostTensor } from "../graph/index.js";
import type { Head } from "../model/index.js";
import { BridgeTower, BridgeTowerForContrastiveLearning, BridgeTowerModel, BridgeTowerProcessor } from "./index.js";
import { LoadedModel } from "./loaded-model.js";
import { softmax } from "./logits.js";
import { tinyCheckpoint, tinyConfig, type Weights } from "./tiny-checkpoint.test-support.js";

const imageFile = (name: string) => fileURLToPath(new URL(`../../examples/images/${name}`, import.meta.url));
const model = await BridgeTower.fromPretrained();
afterAll(() => model.dispose());

const questions = ["what is the background color?", "where is this?", "", "what is the pattern of the background?"];
const close = { absolute: 1e-5, relative: 1e-5 };
const ofAnswers = (answers: readonly { readonly probability: number }[]) => answers.map((one) => one.probability);

test("many questions about an image get the answers that each gets alone, five by default", async () => {
  const image = imageFile("003.png");
  const together = await model.answer(image, questions);
  const turned = await model.answer(image, questions.toReversed());
  for (const [i, question] of questions.entries()) {
    const alone = await model.answer(image, question);
    expect(alone).toHaveLength(5);
    for (const answers of [together[i]!, turned.toReversed()[i]!]) {
      expect(answers.map(({ answer }) => answer)).toEqual(alone.map(({ answer }) => answer));
      expect(deviation(ofAnswers(answers), ofAnswers(alone), close)).toBeLessThan(1);
    }
  }
  const all = await model.answer(image, questions[0]!, { topK: 1e6 });
  expect(all.slice(0, 5)).toEqual(together[0]!.map(({ answer }) => expect.objectContaining({ answer }) as unknown));
  expect(new Set(all.map(({ answer }) => answer)).size).toBe(model.config.vqav2_label_size);
  expect(await model.answer(image, [])).toEqual([]);
});

test("topK that is no number of answers is refused", async () => {
  const asked = model.answer(imageFile("003.png"), "where is this?", { topK: 0 });
  await expect(asked).rejects.toThrow("topK: expected a whole number, 1 or more, found 0.");
});

// A width inside the classifiers, ⌊2 · 64 · 1.3⌋ = 166, that no other size has.
const answerWords = ["yes", "no", "one", "two", "three"];
const taskFields = { token_type_count: 3, vqav2_label_size: 5, head_hidden_scale: 1.3, id2label: answerWords };
const taskHeads: readonly Head[] = ["vqa", "snli", "nlvr2"];
const pixels = (seed: number) => ({
  width: 40,
  height: 32,
  data: Uint8Array.from({ length: 40 * 32 * 3 }, (_, i) => (i * seed) % 256),
});
const [left, right] = [pixels(37), pixels(101)];
const texts = ["a cat", "a dog", "cat a dog dog"];

/** x Wᵀ + b with the weights of the formula. */
function linear(name: string, x: readonly number[], outputs: number): number[] {
  const weight = tinyWeight(`${name}.weight`, [outputs, x.length]);
  const bias = tinyWeight(`${name}.bias`, [outputs]);
  return Array.from(bias, (b, row) => x.reduce((sum, value, i) => sum + value * weight[row * x.length + i]!, b));
}

function layerNorm(name: string, x: readonly number[]): number[] {
  const [weight, bias] = [tinyWeight(`${name}.weight`, [x.length]), tinyWeight(`${name}.bias`, [x.length])];
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * weight[i]! + bias[i]!);
}

/** The integral of the normal density up to x, by Simpson's rule. */
function gelu(x: number): number {
  const steps = 400;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let area = density(0) + density(x);
  for (let i = 1; i < steps; i++) area += (i % 2 === 0 ? 2 : 4) * density((x * i) / steps);
  return x * (0.5 + (area * x) / steps / 3);
}

function classifierByHand(head: string, x: readonly number[], classes: number, layers: number): number[] {
  const name = `${head}_classifier`;
  if (layers === 1) return linear(`${name}.0`, x, classes);
  return linear(`${name}.3`, layerNorm(`${name}.1`, linear(`${name}.0`, x, 166)).map(gelu), classes);
}

/** The pooled vector of each text with the image, through the class named as in transformers. */
async function pooledByClass(folder: string, image: typeof left): Promise<number[][]> {
  const processor = await BridgeTowerProcessor.fromPretrained(folder);
  const encoder = await BridgeTowerModel.fromPretrained(folder);
  const batch = await processor.process(
    texts.map(() => image),
    texts,
    { padding: true },
  );
  const { pooler_output } = await encoder.forward(batch);
  await encoder.dispose();
  return texts.map((_, row) => (pooler_output as HostTensor<"float32">).row(row).toArray());
}

/** Gives the first image's token type the values of the second's. */
function asSecondImage(weights: Weights): void {
  const table = weights.get("token_type_embeddings.weight")!.data as Float32Array;
  table.copyWithin(64, 128);
}

test.each([
  ["bridges, two layers", {}],
  ["bridges, one layer", { task_head_layers: 1 }],
  ["METER", { model_type: "meter" }],
  ["METER with gates", { model_type: "meter", meter_fusion: true }],
])("%s: answers, labels and truth are those of the classifiers over the pooled vectors", async (_, changes) => {
  const config = tinyConfig({ ...taskFields, ...changes });
  const layers = "task_head_layers" in changes ? 1 : 2;
  const folder = await tinyCheckpoint({ config, heads: taskHeads });
  const first = await pooledByClass(folder, left);
  const second = await pooledByClass(await tinyCheckpoint({ config, heads: taskHeads, edit: asSecondImage }), right);
  const tiny = await BridgeTower.fromPretrained(folder, { prepare: ["answer", "entail", "compare"] });
  onTestFinished(() => tiny.dispose());
  const [answers, labels, truths] = [
    await tiny.answer(left, texts),
    await tiny.entail(left, texts),
    await tiny.compare(left, right, texts),
  ];
  for (const i of texts.keys()) {
    const vqa = classifierByHand("vqa", first[i]!, 5, layers);
    expect(ofAnswers(answers[i]!)).toEqual(ofAnswers(answers[i]!).sort((a, b) => b - a));
    const byWord = answerWords.map((word) => answers[i]!.find(({ answer }) => answer === word)!.probability);
    expect(
      deviation(
        byWord,
        vqa.map((logit) => 1 / (1 + Math.exp(-logit))),
      ),
    ).toBeLessThan(1);

    const snli = softmax(classifierByHand("snli", first[i]!, 3, layers));
    expect(ofAnswers(labels[i]!)).toEqual(ofAnswers(labels[i]!).sort((a, b) => b - a));
    const byLabel = ["contradiction", "neutral", "entailment"].map(
      (name) => labels[i]!.find(({ label }) => label === name)!.probability,
    );
    expect(deviation(byLabel, snli)).toBeLessThan(1);

    const nlvr2 = softmax(classifierByHand("nlvr2", [...first[i]!, ...second[i]!], 2, layers));
    expect(deviation([truths[i]!], [nlvr2[1]!])).toBeLessThan(1);
  }
  expect(await tiny.entail(left, texts[0]!)).toHaveLength(3);
  expect(deviation([await tiny.compare(left, right, texts[0]!)], [truths[0]!], close)).toBeLessThan(1);
  expect(await tiny.compare(right, left, texts[0]!)).not.toBeCloseTo(truths[0]!, 5);
  expect([await tiny.entail(left, []), await tiny.compare(left, right, [])]).toEqual([[], []]);
});

test.each([{}, { meter_fusion: true }])(
  "METER %o matches, fills masks and embeds as its classes do",
  async (changes) => {
    const folder = await tinyCheckpoint({ config: tinyConfig({ model_type: "meter", ...changes }) });
    const meter = await BridgeTower.fromPretrained(folder);
    const contrastive = await BridgeTowerForContrastiveLearning.fromPretrained(folder);
    const processor = await BridgeTowerProcessor.fromPretrained(folder);
    const batch = await processor.process([left, left, left], texts, { padding: true });
    const whole = await contrastive.forward(batch);
    const flat = (vectors: readonly Float32Array[]) => vectors.flatMap((vector) => [...vector]);
    expect(deviation(flat(await meter.embedText(texts)), whole.text_embeds.toArray())).toBeLessThan(1);
    expect(deviation(flat(await meter.embedImage([left, left, left])), whole.image_embeds.toArray())).toBeLessThan(1);
    const pairs = await meter.embedPair([left, left, left], texts);
    expect(deviation(flat(pairs), whole.cross_embeds.toArray())).toBeLessThan(1);
    const scores = await meter.match([left, right], texts);
    const [alone] = await meter.match([right], [texts[2]!]);
    expect(deviation(scores.at(-1)!.logits, alone!.logits, close)).toBeLessThan(1);
    expect((await meter.fillMask(left, "a <mask>")).masks).toHaveLength(1);
    await Promise.all([meter.dispose(), contrastive.dispose()]);
  },
);

/** How often each graph ran during `action`. */
async function runs(action: () => Promise<unknown>): Promise<Record<string, number>> {
  const spy = vi.spyOn(LoadedModel.prototype, "run");
  try {
    await action();
    const counts: Record<string, number> = {};
    for (const [graph] of spy.mock.calls) {
      const key = typeof graph === "string" ? graph : graph.key;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  } finally {
    spy.mockRestore();
  }
}

test("each tower runs once for each image and each length of text, and not at all without texts", async () => {
  const tiny = await BridgeTower.fromPretrained(
    await tinyCheckpoint({ config: tinyConfig(taskFields), heads: taskHeads }),
  );
  onTestFinished(() => tiny.dispose());
  expect(await runs(() => tiny.answer(left, texts))).toEqual({ text: 2, image: 1, "fusion vqa": 2 });
  expect(await runs(() => tiny.entail(left, "a cat"))).toEqual({ text: 1, image: 1, "fusion snli": 1 });
  expect(await runs(() => tiny.compare(left, right, "a cat"))).toEqual({
    text: 1,
    image: 1,
    "second image": 1,
    "fusion pooled": 2,
    "comparison nlvr2": 1,
  });
  expect(await runs(() => tiny.compare(left, right, texts))).toMatchObject({ image: 1, "fusion pooled": 4 });
  expect(await runs(() => Promise.all([tiny.answer(left, []), tiny.compare(left, right, [])]))).toEqual({});
});

test("two token types cannot distinguish two images", async () => {
  const folder = await tinyCheckpoint({ config: tinyConfig({ token_type_count: 2 }), heads: ["nlvr2"] });
  const message =
    "compare: expected a checkpoint with a token type for the second image (token_type_count 3 in config.json), found 2. " +
    "Use a checkpoint that was trained to compare images.";
  await expect(BridgeTower.fromPretrained(folder, { prepare: ["compare"] })).rejects.toThrow(message);
  const tiny = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => tiny.dispose());
  await expect(tiny.compare(left, right, "a cat")).rejects.toMatchObject({ name: "InputError", message });
});

test("contrastive heads in the dual form embed texts and images, and reject pairs", async () => {
  const folder = await tinyCheckpoint({ config: tinyConfig({ contrastive_form: "dual" }), heads: ["itc"] });
  const tiny = await BridgeTower.fromPretrained(folder, { prepare: ["embedText", "embedImage"] });
  onTestFinished(() => tiny.dispose());
  for (const embedding of [await tiny.embedText("a cat"), await tiny.embedImage(left)]) {
    expect(embedding).toHaveLength(24);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  }
  const message =
    'expected a checkpoint with an embedding of pairs, found contrastive_form "dual" in config.json, ' +
    "which has embeddings of texts and of images only. Use embedText and embedImage, or choose another checkpoint.";
  await expect(tiny.embedPair(left, "a cat")).rejects.toThrow(`embedPair: ${message}`);
  await expect(BridgeTowerForContrastiveLearning.fromPretrained(folder)).rejects.toThrow(
    `BridgeTowerForContrastiveLearning: ${message}`,
  );
});

test("missing names of answers are an error when answer is prepared, and can be added without loading again", async () => {
  const folder = await tinyCheckpoint({ config: tinyConfig({ vqav2_label_size: 5 }), heads: ["vqa"] });
  const message = "found neither id2label in config.json nor a file answers.json";
  await expect(BridgeTower.fromPretrained(folder, { prepare: ["answer"] })).rejects.toThrow(message);
  const tiny = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => tiny.dispose());
  await expect(tiny.answer(left, "a cat")).rejects.toThrow(message);
  await writeFile(join(folder, "answers.json"), JSON.stringify(answerWords));
  expect(await tiny.answer(left, "a cat")).toHaveLength(5);
});
