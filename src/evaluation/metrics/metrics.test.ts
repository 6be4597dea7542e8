/** Metrics of tiny checkpoints, compared with the public task methods pair by pair. */
import { expect, onTestFinished, test } from "vitest";
import { tinyWeight } from "../../../fixtures/tiny-weights.js";
import { Random } from "../../random/index.js";
import { BridgeTower } from "../../inference/index.js";
import { fillWeights, tinyCheckpoint, tinyConfig } from "../../inference/tiny-checkpoint.test-support.js";
import { evaluate } from "../index.js";
import { contrastiveLoss } from "./contrast.js";
import { FalseCaptions } from "./false-captions.js";
import { memoryData, type MemoryRow } from "../memory-data.test-support.js";
import { crossEntropy, logSumExp } from "../numbers.js";
import { answers, checkpoint, data, fields, resultsOf, rows } from "../tiny-rows.test-support.js";

const imagesOf = (row: number) => rows[row]!.images as readonly Uint8Array[];

async function opened(folder: string): Promise<BridgeTower> {
  const model = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => model.dispose());
  return model;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const eachRow = <T>(f: (row: MemoryRow, index: number) => Promise<T[]>) =>
  Promise.all(rows.map(f)).then((lists) => lists.flat());

test("matching: each caption and a sampled false one, with the scores of match", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const drawing = new FalseCaptions(data);
  const random = new Random(7);
  const expected = await eachRow(async ({ captions = [] }, row) => {
    const texts = captions.flatMap((caption, i) => [caption, drawing.sample(row, captions, random.at("itm", row, i))!]);
    const scores = await tower.match(imagesOf(row)[0]!, texts);
    return scores.map(({ logits }, i) => ({ logits, label: i % 2 === 0 ? 1 : 0 }));
  });
  const results = await resultsOf({ model, metrics: ["itm"], seed: 7 });
  expect(results.itm_samples).toBe(expected.length);
  expect(results.itm_accuracy).toBe(
    mean(expected.map(({ logits: [no, yes], label }) => (yes > no === (label === 1) ? 1 : 0))),
  );
  expect(results.itm_loss).toBeCloseTo(mean(expected.map(({ logits, label }) => crossEntropy(logits, label))), 6);
});

test("facets: all pairs of a true caption and a negative of its row", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const pairs = await eachRow(async ({ captions = [], negatives = [] }, row) => {
    const margin = async (text: string) => {
      const [score] = await tower.match(imagesOf(row)[0]!, text);
      return score!.logits[1] - score!.logits[0];
    };
    const trueOnes = await Promise.all(captions.map(margin));
    const falseOnes = await Promise.all(negatives.map(({ text }) => margin(text)));
    return negatives.flatMap(({ facet }, i) => trueOnes.map((one) => ({ facet, right: one > falseOnes[i]! ? 1 : 0 })));
  });
  const share = (facet: string) => mean(pairs.filter((pair) => pair.facet === facet).map(({ right }) => right));
  expect(await resultsOf({ model, metrics: ["facet"] })).toEqual({
    facet_accuracy: mean(pairs.map(({ right }) => right)),
    facet_accuracy_obj: share("obj"),
    facet_accuracy_rel: share("rel"),
    facet_pairs: pairs.length,
    rows: 4,
    skipped_images: 0,
  });
});

test("questions: the score of the best answer, by its text; answers for the challenge to all of them", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const expected = await eachRow(async ({ questions = [] }, row) =>
    Promise.all(
      questions.map(async ({ question, questionId, answers: given }) => {
        const ranked = await tower.answer(imagesOf(row)[0]!, question);
        const target = (answer: string) =>
          Math.max(0, ...given.filter((one) => one.answer === answer).map(({ score }) => score));
        const losses = ranked.map(({ answer, probability }) => {
          return -(target(answer) * Math.log(probability) + (1 - target(answer)) * Math.log(1 - probability));
        });
        const [{ answer }] = ranked as [(typeof ranked)[0]];
        return { question_id: questionId!, answer, given, score: target(answer), loss: 3 * mean(losses) };
      }),
    ),
  );
  const answered = expected.filter(({ given }) => given.length > 0);
  const { results, predictions } = await evaluate({ model, data, metrics: ["vqa"] });
  expect(results.vqa_score).toBeCloseTo(mean(answered.map(({ score }) => score)), 12);
  expect(results.vqa_loss).toBeCloseTo(mean(answered.map(({ loss }) => loss)), 5);
  expect([results.vqa_questions, results.vqa_unanswered]).toEqual([5, 5]);
  expect(predictions).toEqual(expected.map(({ question_id, answer }) => ({ question_id, answer })));
});

test("questions: label numbers are used if the checkpoint names no answers; its answers take precedence", async () => {
  const asked = (label?: number) =>
    memoryData([
      {
        images: rows[0]!.images,
        questions: [{ question: "a", answers: [{ answer: "maybe", label: label!, score: 1 }] }],
      },
    ]);
  const nameless = await checkpoint(fields, ["vqa"]);
  const scores = await Promise.all([0, 1, 2].map((label) => resultsOf({ model: nameless, data: asked(label) })));
  expect(scores.map(({ vqa_score }) => vqa_score).sort()).toEqual([0, 0, 1]);
  // A number beyond the classifier is an answer that cannot be given.
  expect((await resultsOf({ model: nameless, data: asked(3) })).vqa_score).toBe(0);
  await expect(evaluate({ model: nameless, data: asked(undefined) })).rejects.toThrow(
    /neither id2label .* answers\.json/,
  );
  const named = await checkpoint();
  for (const label of [0, 1, 2]) {
    expect((await resultsOf({ model: named, metrics: ["vqa"], data: asked(label) })).vqa_score).toBe(0);
  }
  const maybe = await Promise.all(
    [0, 1, 2].map((place) => {
      const list = answers.map((answer, i) => (i === place ? "maybe" : answer));
      return resultsOf({ model: nameless, data: asked(), answers: list });
    }),
  );
  expect(maybe.map(({ vqa_score }) => vqa_score)).toEqual(scores.map(({ vqa_score }) => vqa_score));
  await expect(evaluate({ model: nameless, data: asked(), answers: ["one"] })).rejects.toThrow(
    /answers: expected the 3 answers .*, found 1/,
  );
});

test("hypotheses and statements: those with labels, as entail and compare classify them", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const labels = ["contradiction", "neutral", "entailment"];
  const expected = await Promise.all(
    rows.map(async ({ hypotheses, statements }, row) => {
      const [left, right] = imagesOf(row) as [Uint8Array, Uint8Array];
      const ranked = await tower.entail(left, hypotheses![0]!.text);
      const truth = await tower.compare(left, right, statements![0]!.text);
      const label = labels[hypotheses![0]!.label!]!;
      const isTrue = statements![0]!.label === 1;
      return {
        snli: ranked[0]!.label === label ? 1 : 0,
        withoutNeutral:
          label === "neutral" ? [] : [ranked.find((one) => one.label !== "neutral")!.label === label ? 1 : 0],
        snliLoss: -Math.log(ranked.find((one) => one.label === label)!.probability),
        nlvr2: truth > 0.5 === isTrue ? 1 : 0,
        nlvr2Loss: -Math.log(isTrue ? truth : 1 - truth),
      };
    }),
  );
  expect(await resultsOf({ model, metrics: ["nlvr2", "snli"] })).toEqual({
    snli_accuracy: mean(expected.map(({ snli }) => snli)),
    snli_accuracy_without_neutral: mean(expected.flatMap(({ withoutNeutral }) => withoutNeutral)),
    snli_loss: expect.closeTo(mean(expected.map(({ snliLoss }) => snliLoss)), 5) as unknown,
    snli_samples: 5,
    snli_unlabelled: 5,
    nlvr2_accuracy: mean(expected.map(({ nlvr2 }) => nlvr2)),
    nlvr2_loss: expect.closeTo(mean(expected.map(({ nlvr2Loss }) => nlvr2Loss)), 5) as unknown,
    nlvr2_samples: 5,
    nlvr2_unlabelled: 5,
    rows: 5,
    skipped_images: 0,
  });
});

test.each([
  ["contradiction", [1, 5, 0], 2 / 3],
  ["entailment", [0, 5, 1], 1 / 3],
  ["neither: the first of equals", [1, 5, 1], 2 / 3],
])("without neutral, the larger of the other logits: %s", async (_, bias, share) => {
  const model = await tinyCheckpoint({
    config: tinyConfig(fields),
    heads: ["snli"],
    edit: (weights) => {
      fillWeights(weights, /^snli_classifier\.3\.weight$/, 0);
      (weights.get("snli_classifier.3.bias")!.data as Float32Array).set(bias);
    },
  });
  const hypotheses = [0, 0, 1, 2].map((label, i) => ({ text: `a cat ${i}`, label }));
  const some = memoryData([{ images: rows[0]!.images, hypotheses: [...hypotheses, { text: "unlabelled" }] }]);
  const results = await resultsOf({ model, data: some });
  // All are taken for neutral.
  expect(results).toMatchObject({ snli_accuracy: 1 / 4, snli_samples: 4, snli_unlabelled: 1 });
  expect(results.snli_accuracy_without_neutral).toBeCloseTo(share, 12);
  const neutral = memoryData([{ images: rows[0]!.images, hypotheses: [{ text: "a", label: 1 }] }]);
  expect(await resultsOf({ model, data: neutral })).not.toHaveProperty("snli_accuracy_without_neutral");
});

test("contrast: batches of first captions, of second ones and of third ones, in the joint form", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const pairs = await eachRow(async ({ captions = [] }, row) => {
    const [image] = await tower.embedImage([imagesOf(row)[0]!]);
    const texts = await tower.embedText(captions);
    const crosses = await tower.embedPair(
      captions.map(() => imagesOf(row)[0]!),
      captions,
    );
    return texts.map((text, i) => ({ number: i, text, image: image!, cross: crosses[i]! }));
  });
  const scale = Math.exp(tinyWeight("logit_scale", [])[0]!);
  const batches = [0, 1, 2].flatMap((number) => {
    const some = pairs.filter((pair) => pair.number === number);
    return [some.slice(0, 2), some.slice(2, 4), some.slice(4)].filter(({ length }) => length > 0);
  });
  const losses = batches.flatMap((batch) => Array<number>(batch.length).fill(contrastiveLoss(batch, scale, "joint")));
  const results = await resultsOf({ model, metrics: ["itc"], contrastBatchSize: 2 });
  expect(results.itc_pairs).toBe(pairs.length);
  expect(results.itc_loss).toBeCloseTo(mean(losses), 5);
});

test("contrast in the dual form has a temperature, which is kept within its range, and no fusion runs", async () => {
  const config = tinyConfig({ ...fields, contrastive_form: "dual" });
  const spoilt = /^cross_modal_text_layers\./;
  const folder = (temperature: number) =>
    tinyCheckpoint({
      config,
      heads: ["itc"],
      edit: (weights) => {
        fillWeights(weights, /^temperature$/, temperature);
        fillWeights(weights, spoilt, NaN);
      },
    });
  const tower = await opened(await folder(0.07));
  const pairs = await eachRow(async ({ captions = [] }, row) => {
    const [image] = await tower.embedImage([imagesOf(row)[0]!]);
    return [{ text: (await tower.embedText(captions))[0]!, image: image! }];
  });
  const firstCaptions = memoryData(rows.map(({ images, captions }) => ({ images, captions: captions!.slice(0, 1) })));
  for (const [temperature, used] of [
    [0.07, 0.07],
    [3, 0.5],
  ] as const) {
    const results = await resultsOf({ model: await folder(temperature), data: firstCaptions, metrics: ["itc"] });
    expect(results.itc_loss).toBeCloseTo(contrastiveLoss(pairs, 1 / Math.fround(used), "dual"), 4);
  }
});

test("masked words: a decoder that is its bias alone names one token, with one loss", async () => {
  const favourite = 262;
  const model = await tinyCheckpoint({
    edit: (weights) => {
      fillWeights(weights, /^mlm_score\.decoder\.weight$/, 0);
      fillWeights(weights, /^mlm_score\.bias$/, 0);
      (weights.get("mlm_score.bias")!.data as Float32Array)[favourite] = 2;
    },
  });
  const bias = Array.from({ length: 300 }, (_, id) => (id === favourite ? 2 : 0));
  const many = memoryData([
    { images: [rows[0]!.images[0]!], captions: Array.from({ length: 60 }, (_, i) => `a cat ${i} dog`) },
  ]);
  const results = await resultsOf({ model, data: many, metrics: ["mlm"] });
  // 60 captions of about 6 tokens, 15 % of them masked.
  expect(results.mlm_tokens).toBeGreaterThan(30);
  expect(results.mlm_tokens).toBeLessThan(90);
  const share = results.mlm_accuracy!;
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(1);
  expect(results.mlm_loss).toBeCloseTo(logSumExp(bias) - 2 * share, 5);
  expect(await resultsOf({ model, data: many, metrics: ["mlm"] })).toEqual(results);
  const other = await resultsOf({ model, data: many, metrics: ["mlm"], seed: 1 });
  expect(other.mlm_tokens).not.toBe(results.mlm_tokens);
});

test("ranking: a true caption among false ones by rank_output", async () => {
  const model = await tinyCheckpoint({
    heads: ["rank"],
    edit: (weights) => fillWeights(weights, /^rank_output\.weight$/, 0),
  });
  // All scores are the bias: the true caption is the first of equals, and the loss that of a guess.
  const results = await resultsOf({ model, falseTexts: 4 });
  expect(results).toMatchObject({ irtr_accuracy: 1, irtr_samples: data.counts.captions.reduce((a, b) => a + b) });
  expect(results.irtr_loss).toBeCloseTo(Math.log(5), 6);
});
