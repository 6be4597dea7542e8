import fc from "fast-check";
import { expect, test } from "vitest";
import { shareOut } from "./partition.js";

const sizes = fc.array(fc.nat(1000), { maxLength: 30 }).map((sizes) => sizes.map((size, i) => ({ size, i })));

test("every thing has one share, in order, and no share is above the average by more than the largest thing", () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5 }), (things, workers) => {
      const shares = shareOut(things, workers);
      expect(shares.flat().sort((a, b) => a.i - b.i)).toEqual(things);
      const total = (share: readonly { size: number }[]) => share.reduce((sum, { size }) => sum + size, 0);
      const bound = total(things) / workers + Math.max(0, ...things.map(({ size }) => size));
      for (const share of shares) {
        expect(share.length).toBeGreaterThan(0);
        expect(share.map(({ i }) => i)).toEqual(share.map(({ i }) => i).sort((a, b) => a - b));
        expect(total(share)).toBeLessThanOrEqual(bound);
      }
    }),
  );
});

test("two workers get halves where the sizes allow it", () => {
  const shares = shareOut(
    [5, 3, 3, 2, 1].map((size) => ({ size })),
    2,
  );
  expect(shares.map((share) => share.map(({ size }) => size))).toEqual([
    [5, 2],
    [3, 3, 1],
  ]);
});
