/** Groups of any embeddings against lists that are sorted. */
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { singleProcess } from "../../distributed/index.js";
import { Random } from "../../random/index.js";
import { LoadedModel } from "../../inference/index.js";
import type { EvalContext } from "../metrics/metric.js";
import { memoryData } from "../memory-data.test-support.js";
import { ImageReader } from "../image-reader.js";
import { checkpoint } from "../tiny-rows.test-support.js";
import { Retrieval } from "./retrieval.js";

/** Retrieval by similarity of embeddings does not use it. */
async function someJudging(): Promise<EvalContext> {
  const model = await LoadedModel.open(await checkpoint(), { withProcessor: true });
  onTestFinished(() => model.dispose());
  const reader = new ImageReader(model, undefined);
  const data = memoryData([]);
  const tokenize = () => [];
  return {
    model,
    data,
    reader,
    tokenize,
    captionsPerRow: undefined,
    random: new Random(0),
    signal: undefined,
    collective: singleProcess,
  };
}

/** A feature and its captions as numbers: their products are the scores, many of them equal. */
type Row = readonly [feature: number, ...captions: number[]];

async function found(context: EvalContext, rows: readonly Row[], candidates: number | undefined) {
  const retrieval = new Retrieval(context, {
    rankBy: "similarity",
    kTest: 0,
    candidates,
    onProgress: () => undefined,
  });
  for (const [index, [feature, ...captions]] of rows.entries()) {
    const texts = { captions: captions.map(String), questions: [], hypotheses: [], statements: [], negatives: [] };
    await retrieval.update({
      index,
      texts,
      trueCaptions: texts.captions,
      image: {},
      embeddings: { image: Float32Array.of(feature), captions: captions.map((one) => Float32Array.of(one)) },
    });
  }
  return retrieval.compute();
}

/** Recalls at 1, 5 and 10: of texts, then of images. */
function sortedAmong(groups: readonly (readonly Row[])[]): number[] {
  const order = (scores: readonly number[]) => [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  const ofImages: number[] = [];
  const ofTexts: number[] = [];
  for (const rows of groups) {
    const texts = rows.flatMap(([, ...captions], image) => captions.map((text) => ({ image, text })));
    for (const [image, [feature]] of rows.entries()) {
      const best = order(texts.map(({ text }) => text * feature));
      ofImages.push(best.findIndex((place) => texts[place]!.image === image));
    }
    for (const { image, text } of texts) ofTexts.push(order(rows.map(([feature]) => text * feature)).indexOf(image));
  }
  return [ofImages, ofTexts].flatMap((places) =>
    [1, 5, 10].map((depth) => places.filter((place) => place < depth).length / places.length),
  );
}

const number = fc.integer({ min: -2, max: 4 });
const rowsOf = (minLength: number) =>
  fc.array(
    fc.tuple(number, number, fc.array(number, { maxLength: 2 })).map(([a, b, more]): Row => [a, b, ...more]),
    { minLength, maxLength: 14 },
  );

test("recalls are means over the whole groups, each sorted by itself", async () => {
  const context = await someJudging();
  await fc.assert(
    fc.asyncProperty(rowsOf(5), fc.integer({ min: 2, max: 5 }), async (rows, size) => {
      const groups = Array.from({ length: Math.floor(rows.length / size) }, (_, i) =>
        rows.slice(i * size, (i + 1) * size),
      );
      const { tr_r1, tr_r5, tr_r10, ir_r1, ir_r5, ir_r10, ...counts } = await found(context, rows, size);
      expect([tr_r1, tr_r5, tr_r10, ir_r1, ir_r5, ir_r10]).toEqual(sortedAmong(groups));
      expect(counts).toMatchObject({
        retrieval_images: groups.length * size,
        retrieval_texts: groups.flat(2).length - groups.length * size,
        retrieval_groups: groups.length,
      });
    }),
    { seed: 4, numRuns: 100 },
  );
});

test("one group of all rows is as no groups", async () => {
  const context = await someJudging();
  await fc.assert(
    fc.asyncProperty(rowsOf(1), async (rows) => {
      const without = await found(context, rows, undefined);
      expect(await found(context, rows, rows.length)).toEqual({ ...without, retrieval_groups: 1 });
    }),
    { seed: 5, numRuns: 50 },
  );
});
