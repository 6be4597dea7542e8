/**
 * Random streams by name. A stream depends on its seed and labels alone, not on the use of other streams. A resumed run samples the same
 * numbers as an uninterrupted one, and checkpoints need no generator state.
 */
import { createHash } from "node:crypto";
import { checkArgument, seedType } from "../arguments.js";
import { Xoshiro128 } from "./xoshiro.js";

export type Label = string | number;

/** Words generated at a time: 64 KiB stay in the first-level caches. */
const chunkWords = 16_384;

/**
 * The stream of a seed; `at` gives all other streams. The state of xoshiro128++ is the start of the SHA-256 of seed and labels, so streams
 * of different labels are independent, and two of them overlap with a probability below 2^-60.
 * Words, bytes, `below` and permutations are the same on every machine; `normal` and `gumbel` may differ in the last
 * digit between JavaScript engines, because their logarithms and cosines do.
 * @example
 * const random = new Random(7);
 * console.log(random.at("epoch", 1).below(100) === new Random(7, "epoch", 1).below(100)); // true
 * console.log([...random.permutation(4)].sort()); // [ 0, 1, 2, 3 ]
 */
export class Random {
  private readonly path: readonly Label[];
  private readonly source: Xoshiro128;
  /** The second number of the last pair of `normal`. */
  private spare: number | undefined;

  /** @param seed a whole number, 0 to 2^53 - 1 */
  constructor(seed: number, ...labels: readonly Label[]) {
    checkArgument("seed", seed, seedType);
    const invalid = labels.find((label) => typeof label === "number" && !Number.isSafeInteger(label));
    if (invalid !== undefined) throw new RangeError(`Random: the label ${invalid} is no whole number`);
    this.path = [seed, ...labels];
    // JSON distinguishes 1 from "1" and ["a", "b"] from ["ab"].
    const hash = createHash("sha256").update(JSON.stringify(this.path)).digest();
    const word = (i: number) => hash.readInt32LE(4 * i);
    this.source = new Xoshiro128([word(0), word(1), word(2), word(3)]);
  }

  /** The stream with these additional labels, at its start: `at("a").at(1)` is `at("a", 1)`. */
  at(...labels: readonly Label[]): Random {
    const [seed, ...above] = this.path;
    return new Random(Number(seed), ...above, ...labels);
  }

  /** A whole number, 0 to 2^32 - 1. */
  uint32(): number {
    return this.source.next();
  }

  /** In [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.source.next() >>> 5;
    const low = this.source.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number, 0 to n - 1, all equally likely; n from 1 to 2^32. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`below(${n}): the bound is a whole number from 1 to 2^32`);
    }
    // Words past the last multiple of n would favour small results.
    const limit = 2 ** 32 - (2 ** 32 % n);
    let word = this.source.next();
    while (word >= limit) word = this.source.next();
    return word % n;
  }

  /** Normal with mean 0 and deviation 1, of magnitude below 6.8; Box and Muller, Ann. Math. Statist. 29 (1958). */
  normal(): number {
    if (this.spare !== undefined) {
      const { spare } = this;
      this.spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(this.open()));
    const angle = 2 * Math.PI * this.open();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Gumbel noise -ln(-ln u): argmax(log weight + noise) samples an index by its weight. */
  gumbel(): number {
    return -Math.log(-Math.log(this.open()));
  }

  /** Uniformly random bytes: the words of the stream, each from its lowest byte on. */
  fillBytes(bytes: Uint8Array): void {
    // Through a small buffer, because a view may start at any byte.
    const words = new Int32Array(Math.min(chunkWords, Math.ceil(bytes.length / 4)));
    const chunk = new Uint8Array(words.buffer);
    for (let start = 0; start < bytes.length; start += chunk.length) {
      const length = Math.min(chunk.length, bytes.length - start);
      this.source.fill(words.subarray(0, Math.ceil(length / 4)));
      bytes.set(chunk.subarray(0, length), start);
    }
  }

  /** Normal values with mean 0 and deviation `std`. */
  fillNormal(values: Float32Array, std: number): void {
    for (let i = 0; i < values.length; i++) values[i] = std * this.normal();
  }

  /** The numbers 0 to n - 1 in random order, every order equally likely (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const moved = order[i]!;
      order[i] = order[j]!;
      order[j] = moved;
    }
    return order;
  }

  /** In (0, 1), so that its logarithm is finite: the middle of one of 2^32 equal parts. */
  private open(): number {
    return (this.source.next() + 0.5) / 2 ** 32;
  }
}
