/** Retrieval on a tiny checkpoint against all pairs scored one by one. */
import { expect, onTestFinished, test } from "vitest";
import type { Dataset } from "../../data/index.js";
import { BridgeTower } from "../../inference/index.js";
import { fillWeights, tinyCheckpoint, tinyConfig } from "../../inference/tiny-checkpoint.test-support.js";
import { evaluate, type EvaluateOptions } from "../index.js";
import { memoryData } from "../memory-data.test-support.js";
import { checkpoint, data, fields, resultsOf, rows } from "../tiny-rows.test-support.js";
import { ranks, recallsOf, type PairScores } from "./recalls.js";

const imageFiles = rows.map((row) => row.images[0] as Uint8Array);
const captions = rows.flatMap((row) => row.captions!);
const imageOf = rows.flatMap((row, image) => row.captions!.map(() => image));
const counts = { retrieval_images: 5, retrieval_texts: captions.length, rows: 5, skipped_images: 0 };

async function opened(folder: string): Promise<BridgeTower> {
  const model = await BridgeTower.fromPretrained(folder);
  onTestFinished(() => model.dispose());
  return model;
}

const recalls = async (scores: PairScores, texts: readonly number[]) => recallsOf(await ranks(scores, texts));

/** Scores of a function of image and text. */
const scoresBy = (score: (image: number, text: number) => number): PairScores => ({
  images: imageFiles.length,
  texts: captions.length,
  row: (image) => Float64Array.from(captions, (_, text) => score(image, text)),
  column: (text) => Float64Array.from(imageFiles, (_, image) => score(image, text)),
});

test("without re-ranking, by the products of embeddings, with the head for ITM or without", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const [images, texts] = [await tower.embedImage(imageFiles), await tower.embedText(captions)];
  const product = (image: number, text: number) => images[image]!.reduce((sum, x, i) => sum + x * texts[text]![i]!, 0);
  const expected = { ...(await recalls(scoresBy(product), imageOf)), ...counts, retrieval_fused_pairs: 0 };
  expect(await resultsOf({ model, metrics: ["retrieval"] })).toEqual(expected);
  const withoutItm = await checkpoint(fields, ["itc"]);
  expect(await resultsOf({ model: withoutItm, metrics: ["retrieval"], kTest: 0 })).toEqual(expected);
});

test("with all rows as candidates, every pair has its match logit, in chunks or not", async () => {
  const model = await checkpoint();
  const matches = await (await opened(model)).match(imageFiles, captions);
  const logit = (image: number, text: number) => matches[image * captions.length + text]!.logits[1];
  const expected = {
    ...(await recalls(scoresBy(logit), imageOf)),
    ...counts,
    retrieval_fused_pairs: 5 * captions.length,
  };
  const chunks: Partial<EvaluateOptions>[] = [
    {},
    { textChunks: 2 },
    { textChunks: 3, imageChunks: 2 },
    { imageChunks: 4 },
    { textChunks: 100, imageChunks: 100 },
  ];
  for (const some of chunks) {
    expect(await resultsOf({ model, metrics: ["retrieval"], kTest: 100, ...some })).toEqual(expected);
  }
});

test("with few candidates, other pairs are behind them all", async () => {
  const model = await checkpoint();
  const tower = await opened(model);
  const [images, texts] = [await tower.embedImage(imageFiles), await tower.embedText(captions)];
  const matches = await tower.match(imageFiles, captions);
  const product = (image: number, text: number) => images[image]!.reduce((sum, x, i) => sum + x * texts[text]![i]!, 0);
  const among = (own: number, others: readonly number[]) => others.filter((other) => other > own).length < 2;
  const isCandidate = (image: number, text: number) =>
    among(
      product(image, text),
      captions.map((_, other) => product(image, other)),
    ) ||
    among(
      product(image, text),
      imageFiles.map((_, other) => product(other, text)),
    );
  const score = (image: number, text: number) =>
    isCandidate(image, text) ? matches[image * captions.length + text]!.logits[1] : -100;
  const pairs = imageFiles.flatMap((_, image) => captions.filter((_, text) => isCandidate(image, text)));
  expect(pairs.length).toBeLessThan(5 * captions.length);
  const expected = { ...(await recalls(scoresBy(score), imageOf)), ...counts, retrieval_fused_pairs: pairs.length };
  for (const textChunks of [1, 4]) {
    expect(await resultsOf({ model, metrics: ["retrieval"], kTest: 2, textChunks })).toEqual(expected);
  }
});

test("rank_output ranks every pair if it is requested or the only such head", async () => {
  // It has the weights of the match class: the same order as ITM's, so that match gives the expected value.
  const asMatch = (weights: ReadonlyMap<string, { readonly data: unknown }>) => {
    for (const part of ["weight", "bias"]) {
      const [own, itm] = [`rank_output.${part}`, `itm_score.fc.${part}`].map(
        (name) => weights.get(name)!.data as Float32Array,
      );
      own!.set(itm!.subarray(own!.length));
    }
  };
  const both = await tinyCheckpoint({ config: tinyConfig(fields), heads: ["itm", "itc", "rank"], edit: asMatch });
  const matches = await (await opened(both)).match(imageFiles, captions);
  const logit = (image: number, text: number) => matches[image * captions.length + text]!.logits[1];
  const expected = await recalls(scoresBy(logit), imageOf);
  const ranked = { model: both, metrics: ["retrieval"], rankBy: "rank_output" } as const;
  expect(await resultsOf(ranked)).toMatchObject(expected);
  expect(await resultsOf({ ...ranked, textChunks: 2 })).toMatchObject(expected);
  const alone = await tinyCheckpoint({ config: tinyConfig(fields), heads: ["itm", "rank"], edit: asMatch });
  expect(await resultsOf({ model: alone, metrics: ["retrieval"] })).toMatchObject(expected);
});

test("similarities compute no fusion, and re-ranking none of other heads", async () => {
  const spoilt = (names: RegExp) =>
    tinyCheckpoint({
      config: tinyConfig(fields),
      heads: ["itm", "itc", "mlm"],
      edit: (weights) => fillWeights(weights, names, NaN),
    });
  const similar = { data, metrics: ["retrieval"] } as const;
  const unharmed = await evaluate({ ...similar, model: await spoilt(/^(cross_modal_.*_layers|itm_|mlm_|itc_cross)/) });
  expect(unharmed.results.rsum).toBeGreaterThan(0);
  const reranked = await evaluate({ ...similar, model: await spoilt(/^(mlm_|itc_cross)/), kTest: 1 });
  expect(reranked.results.rsum).toBeGreaterThan(0);
  const harmed = evaluate({ ...similar, model: await spoilt(/^itm_/), kTest: 1 });
  await expect(harmed).rejects.toThrow(/expected finite weights/);
});

/** Recalls at 1, 5 and 10 among the rows of each group, as one would compute them with a sort: of texts, then of images. */
function sortedAmong(groups: readonly (readonly number[])[], score: (image: number, text: number) => number): number[] {
  const place = (own: (index: number) => boolean, scores: ReadonlyMap<number, number>) =>
    [...scores].sort(([, a], [, b]) => b - a).findIndex(([index]) => own(index));
  const scored = (list: readonly number[], of: (index: number) => number) =>
    new Map(list.map((index) => [index, of(index)]));
  const textsOf = (images: readonly number[]) => [...captions.keys()].filter((text) => images.includes(imageOf[text]!));
  const ofImages = groups.flatMap((images) =>
    images.map((image) =>
      place(
        (text) => imageOf[text] === image,
        scored(textsOf(images), (text) => score(image, text)),
      ),
    ),
  );
  const ofTexts = groups.flatMap((images) =>
    textsOf(images).map((text) =>
      place(
        (image) => image === imageOf[text],
        scored(images, (image) => score(image, text)),
      ),
    ),
  );
  return [ofImages, ofTexts].flatMap((places) =>
    [1, 5, 10].map((depth) => places.filter((found) => found < depth).length / places.length),
  );
}

const recallsIn = ({ tr_r1, tr_r5, tr_r10, ir_r1, ir_r5, ir_r10 }: Readonly<Record<string, number>>) => [
  tr_r1,
  tr_r5,
  tr_r10,
  ir_r1,
  ir_r5,
  ir_r10,
];

/** Scores of a checkpoint for every pair, by products of embeddings and by the logit of a match. */
async function allScores(model: string) {
  const tower = await opened(model);
  const [images, texts] = [await tower.embedImage(imageFiles), await tower.embedText(captions)];
  const matches = await tower.match(imageFiles, captions);
  return {
    product: (image: number, text: number) => images[image]!.reduce((sum, x, i) => sum + x * texts[text]![i]!, 0),
    logit: (image: number, text: number) => matches[image * captions.length + text]!.logits[1],
  };
}

test("candidates: groups are ranked separately, and an incomplete group is omitted", async () => {
  const model = await checkpoint();
  const { product, logit } = await allScores(model);
  const among = { model, metrics: ["retrieval"], candidates: 2 } as const;
  const pairs = [
    [0, 1],
    [2, 3],
  ];
  const inPairs = imageOf.filter((image) => image < 4).length;
  const similar = await resultsOf(among);
  expect(recallsIn(similar)).toEqual(sortedAmong(pairs, product));
  expect(similar).toMatchObject({ retrieval_images: 4, retrieval_texts: inPairs, retrieval_groups: 2, rows: 5 });
  const reported: string[] = [];
  const { results: reranked } = await evaluate({
    ...among,
    data,
    kTest: 100,
    onProgress: (stage, done, total) => reported.push(`${stage} ${done}/${total}`),
  });
  expect(recallsIn(reranked)).toEqual(sortedAmong(pairs, logit));
  // Each text with the two images of its group.
  expect(reranked.retrieval_fused_pairs).toBe(2 * inPairs);
  expect(reported.at(-1)).toBe(`pairs ${2 * inPairs}/${2 * inPairs}`);
  expect(await resultsOf({ ...among, kTest: 100, textChunks: 2, imageChunks: 2 })).toEqual(reranked);
  // A broken image makes room for the next one.
  const broken: Dataset = memoryData(rows.map((row, i) => (i === 1 ? { ...row, images: [new Uint8Array(8)] } : row)));
  const others = [
    [0, 2],
    [3, 4],
  ];
  expect(recallsIn(await resultsOf({ ...among, data: broken }))).toEqual(sortedAmong(others, product));
  // Without a whole group there is nothing to rank.
  const rest = await resultsOf({ ...among, data: broken, limit: 2, metrics: ["retrieval", "itm"] });
  expect(rest).toMatchObject({ retrieval_images: 0, retrieval_texts: 0, retrieval_groups: 0, itm_samples: 2 });
  expect(rest).not.toHaveProperty("rsum");
});

test("among all rows it is as without, however many are ranked again", async () => {
  const model = await checkpoint();
  for (const settings of [{}, { kTest: 1 }, { kTest: 2 }, { captionsPerRow: 1 }, { captionsPerRow: 2, limit: 3 }]) {
    const some = { model, metrics: ["retrieval"], ...settings } as const;
    const candidates = "limit" in settings ? 3 : 5;
    const without = await resultsOf(some);
    expect(await resultsOf({ ...some, candidates })).toEqual({ ...without, retrieval_groups: 1 });
  }
});

test("one caption a row: each image among as many texts as images", async () => {
  const model = await checkpoint();
  const firstOnes = memoryData(rows.map(({ images, captions }) => ({ images, captions: captions!.slice(0, 1) })));
  const settings = { model, metrics: ["retrieval"], candidates: 2 } as const;
  const found = await resultsOf({ ...settings, captionsPerRow: 1 });
  expect(found).toEqual(await resultsOf({ ...settings, data: firstOnes }));
  expect(found).toMatchObject({ retrieval_images: 4, retrieval_texts: 4 });
});
