import fc from "fast-check";
import { expect, test } from "vitest";
import { batchOf, chunksOfEqualLength, residentGroups, type Tokens } from "./text-chunks.js";

const text = (index: number, length: number): Tokens => ({ index, ids: Array.from({ length }, (_, i) => i) });
const texts = fc
  .array(fc.integer({ min: 2, max: 6 }), { maxLength: 40 })
  .map((lengths) => lengths.map((length, index) => text(index, length)));

test("every text is in exactly one chunk, with texts of the same length and in the caller's order", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 8 }), (all, most) => {
      const chunks = chunksOfEqualLength(all, most);
      const indices = chunks.flat().map(({ index }) => index);
      expect([...indices].sort((a, b) => a - b)).toEqual(all.map(({ index }) => index));
      for (const chunk of chunks) {
        expect(chunk.length).toBeLessThanOrEqual(most);
        expect(new Set(chunk.map(({ ids }) => ids.length)).size).toBe(1);
        expect(chunk.map(({ index }) => index)).toEqual(chunk.map(({ index }) => index).sort((a, b) => a - b));
      }
    }),
  );
});

test("no more runs than needed: texts of one length fill their chunks", () => {
  const chunks = chunksOfEqualLength(
    [3, 4, 3, 3, 3, 4, 3].map((length, index) => text(index, length)),
    2,
  );
  expect(chunks.map((chunk) => chunk.map(({ index }) => index))).toEqual([[0, 2], [3, 4], [6], [1, 5]]);
});

test("groups keep all chunks in order and within the limit", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 200 }), (all, limit) => {
      const chunks = chunksOfEqualLength(all, 4);
      const groups = residentGroups(chunks, 2, limit);
      expect(groups.flat()).toEqual(chunks);
      const bytes = (chunk: readonly Tokens[]) => chunk.length * chunk[0]!.ids.length * 2;
      for (const [i, group] of groups.entries()) {
        const total = group.reduce((sum, chunk) => sum + bytes(chunk), 0);
        // A chunk that is too large on its own still has to be computed.
        expect(total <= limit || group.length === 1).toBe(true);
        const next = groups[i + 1]?.[0];
        if (next !== undefined) expect(total + bytes(next)).toBeGreaterThan(limit);
      }
    }),
  );
});

test("a chunk becomes ids and a mask of ones", () => {
  const { input_ids, attention_mask } = batchOf([
    { index: 5, ids: [0, 7, 2] },
    { index: 9, ids: [0, 8, 2] },
  ]);
  expect(input_ids.shape).toEqual([2, 3]);
  expect(input_ids.toArray()).toEqual([0, 7, 2, 0, 8, 2]);
  expect(attention_mask.shape).toEqual([2, 3]);
  expect(attention_mask.toArray()).toEqual([1, 1, 1, 1, 1, 1]);
});
