import fc from "fast-check";
import { expect, test } from "vitest";

import type { RowTexts } from "../dataset.js";
import { mergeRows, RowStore } from "./row-store.js";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const label = (most: number) => fc.option(fc.nat(most), { nil: undefined });
const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
const rowTexts: fc.Arbitrary<RowTexts> = fc
  .record({
    captions: fc.uniqueArray(text, { maxLength: 3 }),
    questions: fc.array(
      fc
        .record({
          question: text,
          questionId: fc.option(fc.maxSafeInteger(), { nil: undefined }),
          answers: fc.array(
            fc.record({ answer: text, label: label(2 ** 31 - 1), score: fc.double({ min: 0, max: 1 }) }).map(defined),
            {
              maxLength: 3,
            },
          ),
        })
        .map(defined),
      { maxLength: 2 },
    ),
    hypotheses: fc.array(fc.record({ text, label: label(2) }).map(defined), { maxLength: 2 }),
    statements: fc.array(fc.record({ text, label: label(1) }).map(defined), { maxLength: 2 }),
    negatives: fc.array(fc.record({ text, facet: fc.option(text, { nil: undefined }) }).map(defined), { maxLength: 2 }),
  })
  .map(defined);

test("rows are read back unchanged", () => {
  fc.assert(
    fc.property(fc.array(rowTexts, { maxLength: 30 }), (rows) => {
      const store = new RowStore();
      for (const row of rows) store.add(row);
      const counts = store.counts();
      expect(rows.map((_, row) => store.texts(row))).toStrictEqual(rows);
      expect([...counts.questions]).toEqual(rows.map(({ questions }) => questions.length));
      expect([...counts.negatives]).toEqual(rows.map(({ negatives }) => negatives.length));
    }),
    { seed: 1 },
  );
});

test("thousands of texts, across the pages that they are kept in", () => {
  const store = new RowStore();
  const none = { questions: [], hypotheses: [], statements: [], negatives: [] };
  for (let i = 0; i < 5000; i++) store.add({ ...none, captions: [`é${i}`, "", `日本${i}`] });
  for (const row of [0, 341, 342, 4999]) expect(store.texts(row).captions).toEqual([`é${row}`, "", `日本${row}`]);
});

test("records of the same row are joined in their order, captions without duplicates", () => {
  const records = new RowStore();
  const none = { questions: [], hypotheses: [], statements: [], negatives: [] };
  for (const caption of ["a", "b", "a", "c"]) records.add({ ...none, captions: [caption] });
  const merged = mergeRows(records, [0, 1, 0, 0], 2);
  expect([merged.texts(0).captions, merged.texts(1).captions]).toEqual([["a", "c"], ["b"]]);
});
