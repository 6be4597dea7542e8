import fc from "fast-check";
import { expect, test } from "vitest";
import { Xoshiro128 } from "./xoshiro.js";

test("gives the first words of the reference implementation", () => {
  // From the tests of the crate rand_xoshiro 0.7, which took them from the authors' xoshiro128plusplus.c.
  const source = new Xoshiro128([1, 2, 3, 4]);
  const words = Array.from({ length: 10 }, () => source.next());
  expect(words).toEqual([
    641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420,
  ]);
});

test("gives the word after 102,400 others that PHP's test of the generator expects", () => {
  // php-src ext/random/tests/02_engine/user_xoshiro128plusplus.phpt prints its bytes, lowest first.
  const source = new Xoshiro128([1, 2, 3, 4]);
  source.fill(new Int32Array(102_400));
  expect(source.next().toString(16)).toBe("2c873cfa");
});

test("a filled array has the numbers of single calls, and leaves the same state", () => {
  const word = fc.integer({ min: 1, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), fc.nat(40), (state, count) => {
      const filled = new Int32Array(count);
      const one = new Xoshiro128(state);
      const other = new Xoshiro128(state);
      one.fill(filled);
      expect(Array.from(filled, (word) => word >>> 0)).toEqual(Array.from(filled, () => other.next()));
      expect(one.next()).toBe(other.next());
    }),
  );
});

test("a state of zeros is refused", () => {
  expect(() => new Xoshiro128([0, 0, 0, 0])).toThrow("a state of zeros yields zeros only");
});
