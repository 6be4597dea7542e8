import { expect, test } from "vitest";
import { messageOf } from "./collective.suite.js";
import { ranksInMemory } from "./in-memory.test-support.js";
import { joinWork, shareOf } from "./shares.js";

test("shares are contiguous, cover everything and differ by one at most", () => {
  for (const size of [1, 2, 3, 5]) {
    for (const count of [0, 1, 4, 17]) {
      const shares = Array.from({ length: size }, (_, rank) => shareOf(count, { rank, size }));
      const items = shares.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i));
      expect(items).toEqual([...Array(count).keys()]);
      const lengths = shares.map(({ first, end }) => end - first);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
    }
  }
});

test("results are joined in order of rank, values and typed arrays alike", async () => {
  const all = await Promise.all(
    ranksInMemory(3).map((collective) =>
      joinWork(collective, "numbers", undefined, () =>
        Promise.resolve({ rank: collective.rank, values: Float32Array.of(0.1, collective.rank) }),
      ),
    ),
  );
  const expected = [0, 1, 2].map((rank) => ({ rank, values: Float32Array.of(0.1, rank) }));
  for (const joined of all) expect(joined).toEqual(expected);
});

test("the failure or interruption of one rank ends the work of all ranks", async () => {
  const run = (signal?: AbortSignal) =>
    Promise.all(
      ranksInMemory(2).map((collective) =>
        messageOf(
          joinWork(collective, "rows", collective.rank === 1 ? signal : undefined, () =>
            collective.rank === 1 ? Promise.reject(new Error("the disk is full.")) : Promise.resolve(0),
          ),
        ),
      ),
    );
  expect(await run()).toEqual([
    "InputError: rank 1: expected its share of the rows, found the disk is full.",
    "Error: the disk is full.",
  ]);
  expect(await run(AbortSignal.abort())).toEqual([
    "RankInterrupted: rank 1 was interrupted",
    "Error: the disk is full.",
  ]);
});
