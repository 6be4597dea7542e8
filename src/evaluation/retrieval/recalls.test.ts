/** Recalls by hand and by sorting, of scores from embeddings and of chosen pairs. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { best, candidates, chosenScores, similarities } from "./pair-scores.js";
import { mapYielding, ranks, recallsOf, type PairScores } from "./recalls.js";

/** The scores of a matrix, images × texts. */
const scoresOf = (matrix: readonly (readonly number[])[]): PairScores => ({
  images: matrix.length,
  texts: matrix[0]!.length,
  row: (image) => Float64Array.from(matrix[image]!),
  column: (text) => Float64Array.from(matrix, (row) => row[text]!),
});

const recalls = async (scores: PairScores, imageOf: readonly number[]) => recallsOf(await ranks(scores, imageOf));

test("recalls of a small matrix, computed by hand", async () => {
  // Texts 0 and 1 belong to image 0, text 2 to image 1, text 3 to image 2.
  const matrix = [
    [0.1, 0.9, 0.5, 0.2],
    [0.3, 0.2, 0.4, 0.8],
    [0.2, 0.1, 0.6, 0.7],
  ];
  // Own texts are best for images 0 and 2, second for image 1. Text 0 finds its image third, text 1 first, texts 2 and 3 third and second.
  const expected = {
    tr_r1: 2 / 3,
    tr_r5: 1,
    tr_r10: 1,
    ir_r1: 1 / 4,
    ir_r5: 1,
    ir_r10: 1,
    tr_mean: (2 / 3 + 2) / 3,
    ir_mean: (1 / 4 + 2) / 3,
    r_mean: (2 / 3 + 1 / 4 + 4) / 6,
    rsum: 100 * (2 / 3 + 1 / 4 + 4),
  };
  const close = Object.entries(expected).map(([name, value]) => [name, expect.closeTo(value, 9) as unknown]);
  expect(await recalls(scoresOf(matrix), [0, 0, 1, 2])).toEqual(Object.fromEntries(close));
});

test("of equal scores the lower index is better", async () => {
  const { tr_r1, ir_r1 } = await recalls(
    scoresOf([
      [1, 1],
      [1, 1],
    ]),
    [0, 1],
  );
  expect([tr_r1, ir_r1]).toEqual([0.5, 0.5]);
});

/** Recalls as one would compute them with a sort. */
function sorted(matrix: readonly (readonly number[])[], imageOf: readonly number[]): number[] {
  const order = (scores: readonly number[]) => [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  const share = (hits: readonly boolean[]) => hits.filter(Boolean).length / hits.length;
  const images = [...matrix.keys()].filter((image) => imageOf.includes(image));
  const byRow = images.map((image) => ({ image, found: order(matrix[image]!) }));
  const byColumn = imageOf.map((image, text) => ({ image, found: order(matrix.map((row) => row[text]!)) }));
  return [
    ...[1, 5, 10].map((k) =>
      share(byRow.map(({ image, found }) => found.slice(0, k).some((t) => imageOf[t] === image))),
    ),
    ...[1, 5, 10].map((k) => share(byColumn.map(({ image, found }) => found.slice(0, k).includes(image)))),
  ];
}

/** Matrices with many equal entries, and the image of each text. */
const problems = fc
  .record({ images: fc.integer({ min: 1, max: 14 }), texts: fc.integer({ min: 1, max: 20 }) })
  .chain(({ images, texts }) =>
    fc.record({
      matrix: fc.array(fc.array(fc.integer({ min: -3, max: 6 }), { minLength: texts, maxLength: texts }), {
        minLength: images,
        maxLength: images,
      }),
      imageOf: fc.array(fc.integer({ min: 0, max: images - 1 }), { minLength: texts, maxLength: texts }),
    }),
  );

test("recalls are those of sorted lists", async () => {
  await fc.assert(
    fc.asyncProperty(problems, async ({ matrix, imageOf }) => {
      const { tr_r1, tr_r5, tr_r10, ir_r1, ir_r5, ir_r10 } = await recalls(scoresOf(matrix), imageOf);
      expect([tr_r1, tr_r5, tr_r10, ir_r1, ir_r5, ir_r10]).toEqual(sorted(matrix, imageOf));
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("the k best are those of a sorted list, in ascending order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 12 }),
      (scores, k) => {
        const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
        expect(best(Float64Array.from(scores), k)).toEqual(order.slice(0, k).sort((a, b) => a - b));
      },
    ),
    { seed: 2 },
  );
});

test("candidates are the best texts of each image and the texts that it is best for; pairs outside have −100", async () => {
  await fc.assert(
    fc.asyncProperty(problems, fc.integer({ min: 1, max: 4 }), async ({ matrix, imageOf }, k) => {
      const similar = scoresOf(matrix);
      const chosen = await candidates(similar, k);
      const isChosen = (image: number, text: number) =>
        best(similar.row(image), k).includes(text) || best(similar.column(text), k).includes(image);
      // A different score for each pair, some of them below those of pairs outside.
      const score = (image: number, text: number) => ((image * 31 + text * 17) % 23) * 10 - 130;
      const merged = matrix.map((row, image) =>
        row.map((_, text) => (isChosen(image, text) ? Math.max(-100, score(image, text)) : -100)),
      );
      const scores = chosen.map((texts, image) => Array.from(texts, (text) => score(image, text)));
      const ours = chosenScores(imageOf.length, chosen, scores);
      expect(matrix.map((_, image) => [...ours.row(image)])).toEqual(merged);
      expect(imageOf.map((_, text) => [...ours.column(text)])).toEqual(
        imageOf.map((_, text) => merged.map((row) => row[text]!)),
      );
    }),
    { seed: 3, numRuns: 100 },
  );
});

test("similarities are scalar products, the same from either side", () => {
  const images = [Float32Array.of(0.6, 0.8), Float32Array.of(1, 0)];
  const texts = [Float32Array.of(0, 1), Float32Array.of(0.28, 0.96), Float32Array.of(-1, 0)];
  const scores = similarities(images, texts);
  expect(scores.row(0)[1]).toBeCloseTo(0.936, 6);
  for (const image of [0, 1])
    for (const text of [0, 1, 2]) expect(scores.row(image)[text]).toBe(scores.column(text)[image]);
});

test("a long list stops between two entries once the signal is there", async () => {
  const stop = new AbortController();
  let done = 0;
  const slow = mapYielding(Array.from({ length: 100 }), stop.signal, () => {
    const begun = performance.now();
    while (performance.now() - begun < 60);
    done++;
    stop.abort(new Error("enough"));
  });
  await expect(slow).rejects.toThrow("enough");
  expect(done).toBe(1);
});
