/** What every collective does, whatever carries it. */
import { describe, expect, test } from "vitest";
import type { Collective } from "./collective.js";
import { valuesOf } from "./rank-values.test-support.js";

export function collectiveSuite(name: string, join: (size: number) => Promise<Collective[]>): void {
  describe.each([2, 3])(`${name}, %i ranks`, (size) => {
    const onAll = async <T>(act: (collective: Collective) => Promise<T>): Promise<T[]> => {
      const ranks = await join(size);
      const results = await Promise.all(ranks.map(act));
      await Promise.all(ranks.map((collective) => collective.close()));
      return results;
    };

    test("ranks are in order", async () => {
      expect(await onAll(({ rank, size }) => Promise.resolve([rank, size]))).toEqual(
        Array.from({ length: size }, (_, rank) => [rank, size]),
      );
    });

    test("sums of any lengths, in place, are the same bits on all", async () => {
      // None, less than ranks, odd, the last that travels in company and the next, 10 MB.
      const lengths = [0, 1, 2, 7, 1001, 32_768, 0, 32_769, 2_500_003];
      const results = await onAll(async (collective) => {
        const arrays = lengths.map((length) => valuesOf(collective.rank, length));
        await collective.sum(arrays);
        return arrays;
      });
      for (const [k, length] of lengths.entries()) {
        expect(relativeError(results[0]![k]!, size), `${length} values`).toBeLessThan(2 ** -22);
        for (const arrays of results) expect(Buffer.compare(bytesOf(arrays[k]!), bytesOf(results[0]![k]!))).toBe(0);
      }
    });

    test("many small arrays fill several buckets", async () => {
      const results = await onAll(async (collective) => {
        const arrays = Array.from({ length: 70 }, (_, i) => new Float32Array(30_001).fill(i + collective.rank));
        await collective.sum(arrays);
        return arrays;
      });
      const ranks = (size * (size - 1)) / 2;
      for (const arrays of results) {
        expect(arrays.map((array) => [array[0], array.at(-1)])).toEqual(
          arrays.map((_, i) => [size * i + ranks, size * i + ranks]),
        );
      }
    });

    test("views are summed where they lie", async () => {
      const results = await onAll(async (collective) => {
        const whole = new Float32Array(100_000).fill(1);
        await collective.sum([whole.subarray(3, 10), whole.subarray(20, 90_020)]);
        return whole;
      });
      for (const whole of results) {
        expect(whole[2]).toBe(1);
        expect(whole[3]).toBe(size);
        expect(whole[10]).toBe(1);
        expect(whole[90_019]).toBe(size);
        expect(whole[90_020]).toBe(1);
      }
    });

    test("bytes of different lengths are gathered in order of rank", async () => {
      const bytes = (rank: number) => Uint8Array.from({ length: rank * 70_001 }, (_, i) => (i + rank) % 251);
      const results = await onAll(async (collective) => [
        await collective.gather(bytes(collective.rank)),
        await collective.gather(Uint8Array.of(collective.rank)),
      ]);
      for (const [first, second] of results) {
        expect(first!.map(({ length }) => length)).toEqual(Array.from({ length: size }, (_, rank) => rank * 70_001));
        first!.forEach((part, rank) => expect(Buffer.from(part).equals(bytes(rank))).toBe(true));
        expect(second!.map((part) => [...part])).toEqual(Array.from({ length: size }, (_, rank) => [rank]));
      }
    });

    test("one thing at a time, and nothing after the end", async () => {
      const ranks = await join(size);
      const sums = ranks.map((collective) => collective.sum([Float32Array.of(1)]));
      await expect(ranks[0]!.gather(new Uint8Array())).rejects.toThrow("one thing at a time");
      await Promise.all(sums);
      await Promise.all(ranks.map((collective) => collective.close()));
      await expect(ranks[0]!.sum([])).rejects.toThrow("left each other");
    });
  });
}

/** Of sums over all ranks' values, in units of the sum of magnitudes. */
function relativeError(sums: Float32Array, ranks: number): number {
  const parts = Array.from({ length: ranks }, (_, rank) => valuesOf(rank, sums.length));
  let worst = 0;
  for (let i = 0; i < sums.length; i++) {
    let [sum, magnitude] = [0, 0];
    for (const part of parts) {
      sum += part[i]!;
      magnitude += Math.abs(part[i]!);
    }
    worst = Math.max(worst, Math.abs(sums[i]! - sum) / magnitude);
  }
  return worst;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);
