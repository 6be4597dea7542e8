/**
 * Tests of every collective, over any transport. A case has two parts, because ranks may be other processes: `act` runs on every rank and
 * returns JSON, `check` gets what all ranks returned.
 */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkAgreement } from "./agreement.js";
import type { Collective } from "./collective.js";

interface Case<T> {
  readonly act: (collective: Collective) => Promise<T>;
  readonly check: (results: readonly T[], size: number) => void;
}

const define = <T>(definition: Case<T>): Case<unknown> => definition as Case<unknown>;

/** None, fewer than ranks, odd, the longest that is summed together with others and the next, 10 MB. */
const lengths = [0, 1, 2, 7, 1001, 32_768, 0, 32_769, 2_500_003];
const bytesOf = (rank: number) => Uint8Array.from({ length: rank * 70_001 }, (_, i) => (i + rank) % 251);

export const collectiveCases: Readonly<Record<string, Case<unknown>>> = {
  "ranks are in order and share the cores of one machine": define({
    act: ({ rank, size, localSize }) => Promise.resolve([rank, size, localSize]),
    check: (results, size) => expect(results).toEqual(Array.from({ length: size }, (_, rank) => [rank, size, size])),
  }),

  "sums of any lengths, in place, are the same bits on all": define({
    async act(collective) {
      const arrays = lengths.map((length) => valuesOf(collective.rank, length));
      await collective.sum(arrays, "arrays of many lengths");
      return arrays.map((array) => ({ error: relativeError(array, collective.size), hash: hashOf(array) }));
    },
    check(results) {
      for (const arrays of results) {
        expect(arrays.map(({ hash }) => hash)).toEqual(results[0]!.map(({ hash }) => hash));
        for (const [k, { error }] of arrays.entries()) expect(error, `${lengths[k]} values`).toBeLessThan(2 ** -22);
      }
    },
  }),

  "many small arrays fill several buckets": define({
    async act(collective) {
      const arrays = Array.from({ length: 70 }, (_, i) => new Float32Array(30_001).fill(i + collective.rank));
      await collective.sum(arrays, "small arrays");
      return arrays.map((array) => [array[0], array.at(-1)]);
    },
    check(results, size) {
      const ranks = (size * (size - 1)) / 2;
      const expected = Array.from({ length: 70 }, (_, i) => [size * i + ranks, size * i + ranks]);
      for (const ends of results) expect(ends).toEqual(expected);
    },
  }),

  "views are summed in place": define({
    async act(collective) {
      const whole = new Float32Array(100_000).fill(1);
      await collective.sum([whole.subarray(3, 10), whole.subarray(20, 90_020)], "views");
      return [2, 3, 10, 90_019, 90_020].map((i) => whole[i]);
    },
    check(results, size) {
      for (const values of results) expect(values).toEqual([1, size, 1, size, 1]);
    },
  }),

  "bytes of different lengths are gathered in order of rank": define({
    async act(collective) {
      const long = await collective.gather(bytesOf(collective.rank), "long bytes");
      const short = await collective.gather(Uint8Array.of(collective.rank), "short bytes");
      return { long: long.map(hashOf), short: short.map((part) => [...part]) };
    },
    check(results, size) {
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const expected = { long: ranks.map((rank) => hashOf(bytesOf(rank))), short: ranks.map((rank) => [rank]) };
      for (const result of results) expect(result).toEqual(expected);
    },
  }),

  "one call at a time": define({
    async act(collective) {
      const sum = collective.sum([Float32Array.of(1)], "a value");
      const message = await messageOf(collective.gather(new Uint8Array(), "bytes"));
      await sum;
      return message;
    },
    check: (results) => results.forEach((message) => expect(message).toMatch("one thing at a time")),
  }),

  "the event loop stays free while a rank waits": define({
    async act(collective) {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      // The others wait for the last rank in the exchange, and tick meanwhile.
      if (collective.rank === collective.size - 1) while (ticks < 50) await new Promise(setImmediate);
      await collective.gather(new Uint8Array(), "ticks");
      clearInterval(timer);
      return ticks;
    },
    check: (results) => results.forEach((ticks) => expect(ticks).toBeGreaterThan(3)),
  }),

  "a fact that differs is named on every rank": define({
    act: (collective) =>
      messageOf(checkAgreement(collective, { seed: 7, "data.train: rows": 12 - 4 * collective.rank }, "facts")),
    check: (results) =>
      results.forEach((message) =>
        expect(message).toBe(
          "InputError: data.train: rows of rank 1: expected 12, as on rank 0, found 8. " +
            "Start all ranks with the same files and settings.",
        ),
      ),
  }),

  "ranks that make different calls get one error that names both": define({
    async act(collective) {
      const { rank } = collective;
      return messageOf<unknown>(
        rank === 0
          ? collective.sum([new Float32Array(5)], "gradients of step 3")
          : collective.gather(Uint8Array.of(1), "status after step 3"),
      );
    },
    check: (results) =>
      results.forEach((message) =>
        expect(message).toBe(
          "InputError: rank 1: expected to exchange the gradients of step 3 (sum of 5 values), as rank 0 does, " +
            "found the status after step 3 (gather). Start all ranks with the same command, files and settings.",
        ),
      ),
  }),
};

/** @param run returns the results of all ranks for a case, in order of rank */
export function collectiveSuite(
  name: string,
  sizes: readonly number[],
  run: (size: number, caseName: string) => Promise<readonly unknown[]>,
): void {
  describe.each(sizes)(`${name}, %i ranks`, (size) => {
    test.each(Object.entries(collectiveCases))("%s", async (caseName, { check }) => {
      check(await run(size, caseName), size);
    });
  });
}

export const messageOf = <T>(promise: Promise<T>): Promise<string> => promise.then(() => "no error", String);

/** Of sums over all ranks' values, in units of the sum of magnitudes. */
function relativeError(sums: Float32Array, ranks: number): number {
  const parts = Array.from({ length: ranks }, (_, rank) => valuesOf(rank, sums.length));
  let max = 0;
  for (let i = 0; i < sums.length; i++) {
    let [sum, magnitude] = [0, 0];
    for (const part of parts) {
      sum += part[i]!;
      magnitude += Math.abs(part[i]!);
    }
    max = Math.max(max, Math.abs(sums[i]! - sum) / magnitude);
  }
  return max;
}

const scales = [1e-3, 1e-2, 0.1, 1, 10, 100, 1000] as const;

/** Values of many magnitudes, different on each rank, whose float32 sum depends on the order. */
function valuesOf(rank: number, length: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const word = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(rank + 1, 0x85ebca6b);
    values[i] = (word / 2 ** 31) * scales[(i + rank) % scales.length]!;
  }
  return values;
}

const hashOf = (bytes: Uint8Array | Float32Array): string => createHash("sha256").update(bytes).digest("hex");
