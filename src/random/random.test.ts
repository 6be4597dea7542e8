import fc from "fast-check";
import { expect, test } from "vitest";
import { Random, type Label } from "./index.js";

const draws = (random: Random, count = 8) => Array.from({ length: count }, () => random.uint32());

test("the numbers of a seed never change", () => {
  // Computed a second time in Python: the state is struct.unpack("<4I", sha256(b'[7,"dropout",3]').digest()[:16]).
  expect(draws(new Random(0), 4)).toEqual([765079111, 2983703444, 833382597, 267814507]);
  expect(draws(new Random(7).at("dropout", 3), 4)).toEqual([2429277511, 579330079, 3128376946, 1012378507]);
});

test("a stream depends on its seed and labels only", () => {
  const busy = new Random(5);
  const first = draws(busy.at("mask", 4));
  draws(busy);
  busy.normal();
  expect(draws(busy.at("mask", 4))).toEqual(first);
  expect(draws(new Random(5).at("mask").at(4))).toEqual(first);
  expect(draws(new Random(5, "mask", 4))).toEqual(first);
});

test("different seeds or labels give different streams", () => {
  const label = fc.oneof(fc.string(), fc.maxSafeInteger());
  const path = fc.tuple(fc.nat(3), fc.array(label, { maxLength: 3 }));
  const start = ([seed, labels]: [number, Label[]]) => draws(new Random(seed, ...labels));
  fc.assert(
    fc.property(path, path, (one, other) => {
      // -0 is the number 0.
      const same = JSON.stringify(one) === JSON.stringify(other);
      expect(start(one).join() === start(other).join()).toBe(same);
    }),
  );
  const kin: [number, Label[]][] = [
    [1, ["2"]],
    [1, [2]],
    [12, []],
    [1, ["a", "b"]],
    [1, ["ab"]],
    [1, ['a","b']],
  ];
  expect(new Set(kin.map((path) => start(path).join())).size).toBe(kin.length);
});

test("uniform, normal and Gumbel numbers have their moments", () => {
  const count = 200_000;
  const moments = (draw: () => number) => {
    const values = Float64Array.from({ length: count }, draw);
    const mean = values.reduce((sum, x) => sum + x) / count;
    const central = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / count;
    return {
      mean,
      variance: central(2),
      skewness: central(3) / central(2) ** 1.5,
      kurtosis: central(4) / central(2) ** 2,
    };
  };
  const random = new Random(11);
  // Five standard errors; of the fourth moment, more, as large values weigh much.
  const error = 5 / Math.sqrt(count);
  const uniform = moments(() => random.uniform());
  expect(Math.abs(uniform.mean - 1 / 2)).toBeLessThan(error * Math.sqrt(1 / 12));
  expect(Math.abs(uniform.variance - 1 / 12)).toBeLessThan(error * Math.sqrt(1 / 180));
  const normal = moments(() => random.normal());
  expect(Math.abs(normal.mean)).toBeLessThan(error);
  expect(Math.abs(normal.variance - 1)).toBeLessThan(error * Math.sqrt(2));
  expect(Math.abs(normal.skewness)).toBeLessThan(error * Math.sqrt(6));
  expect(Math.abs(normal.kurtosis - 3)).toBeLessThan(error * Math.sqrt(24));
  const gumbel = moments(() => random.gumbel());
  const variance = Math.PI ** 2 / 6;
  expect(Math.abs(gumbel.mean - 0.5772156649)).toBeLessThan(error * Math.sqrt(variance));
  expect(Math.abs(gumbel.variance - variance)).toBeLessThan(error * variance * Math.sqrt(4.4));
});

test("successive normal numbers are not correlated, within pairs and across them", () => {
  const random = new Random(3);
  const values = Array.from({ length: 100_000 }, () => random.normal());
  for (const lag of [1, 2, 3]) {
    const products = values.slice(lag).map((x, i) => x * values[i]!);
    const mean = products.reduce((sum, x) => sum + x) / products.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(products.length));
  }
});

test("argmax of log weights plus Gumbel noise samples by weight", () => {
  const weights = [0.1, 0.6, 0.3];
  const random = new Random(2);
  const count = 50_000;
  const seen = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const scores = weights.map((weight) => Math.log(weight) + random.gumbel());
    seen[scores.indexOf(Math.max(...scores))]! += 1;
  }
  weights.forEach((weight, i) => {
    expect(Math.abs(seen[i]! / count - weight)).toBeLessThan(5 * Math.sqrt((weight * (1 - weight)) / count));
  });
});

test("below gives each number equally often, and rejects words that would favour some", () => {
  const random = new Random(8);
  const count = 60_000;
  const seen = new Array<number>(6).fill(0);
  for (let i = 0; i < count; i++) seen[random.below(6)]! += 1;
  const chiSquared = seen.reduce((sum, n) => sum + (n - count / 6) ** 2 / (count / 6), 0);
  // 5 degrees of freedom: one in 100,000 exceeds 30.9.
  expect(chiSquared).toBeLessThan(30.9);
  // Without rejection, numbers below 2^30 would come half of the time.
  const low = Array.from({ length: 20_000 }, () => random.below(3 * 2 ** 30)).filter((n) => n < 2 ** 30).length;
  expect(Math.abs(low / 20_000 - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / 20_000));
  expect(random.below(1)).toBe(0);
});

test.each([0, -1, 1.5, 2 ** 32 + 1, NaN])("below(%s) is refused", (n) => {
  expect(() => new Random(0).below(n)).toThrow("a whole number from 1 to 2^32");
});

test("bytes are the words of the stream, for views of any start and length", () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(7), (length, offset) => {
      const memory = new Uint8Array(offset + length + 3);
      new Random(6).fillBytes(memory.subarray(offset, offset + length));
      const stream = new Random(6);
      const expected = Array.from({ length: Math.ceil(length / 4) }, () => stream.uint32()).flatMap((word) =>
        [0, 8, 16, 24].map((shift) => (word >>> shift) & 255),
      );
      expect([...memory]).toEqual([...new Array<number>(offset).fill(0), ...expected.slice(0, length), 0, 0, 0]);
    }),
  );
});

test("more bytes than one chunk continue the stream", () => {
  const bytes = new Uint8Array(200_001);
  new Random(9).fillBytes(bytes);
  const stream = new Random(9);
  const words = Array.from({ length: 50_000 }, () => stream.uint32());
  const view = new DataView(bytes.buffer);
  expect(words.findIndex((word, i) => view.getUint32(4 * i, true) !== word)).toBe(-1);
});

test("normal fills scale the numbers that single calls give", () => {
  const values = new Float32Array(5);
  new Random(4).fillNormal(values, 0.02);
  const stream = new Random(4);
  expect([...values]).toEqual(Array.from(values, () => Math.fround(0.02 * stream.normal())));
});

test("a permutation has every number once, and every order occurs", () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(), (n, seed) => {
      expect([...new Random(seed).permutation(n)].sort((a, b) => a - b)).toEqual(
        Array.from({ length: n }, (_, i) => i),
      );
    }),
  );
  const random = new Random(1);
  const seen = new Map<string, number>();
  for (let i = 0; i < 12_000; i++) {
    const order = random.permutation(4).join("");
    seen.set(order, (seen.get(order) ?? 0) + 1);
  }
  expect(seen.size).toBe(24);
  const chiSquared = [...seen.values()].reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0);
  // 23 degrees of freedom: one in 100,000 exceeds 66.
  expect(chiSquared).toBeLessThan(66);
});

test.each([-1, 0.5, NaN, 2 ** 53])("the seed %s is refused", (seed) => {
  expect(() => new Random(seed)).toThrow("seed: expected a whole number from 0 to 2^53 - 1");
});

test("a label that is no whole number is refused", () => {
  expect(() => new Random(0).at("step", 0.5)).toThrow("the label 0.5 is no whole number");
});
