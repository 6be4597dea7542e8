/**
 * xoshiro128++ 1.0 of D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators" (ACM TOMS 47, 2021),
 * https://prng.di.unimi.it/xoshiro128plusplus.c: 32-bit additions, rotations and exclusive ors only, so every machine gives
 * the same numbers; period 2^128 - 1.
 */
export class Xoshiro128 {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param state four 32-bit words, not all zero */
  constructor(state: readonly [a: number, b: number, c: number, d: number]) {
    const [a, b, c, d] = state;
    if ((a | b | c | d) === 0) throw new RangeError("Xoshiro128: a state of zeros yields zeros only");
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.d = d | 0;
  }

  /** The next word, 0 to 2^32 - 1. */
  next(): number {
    const { a, b, c, d } = this;
    const sum = (a + d) | 0;
    const shared = c ^ a;
    const turned = d ^ b;
    this.b = b ^ shared;
    this.a = a ^ turned;
    this.c = shared ^ (b << 9);
    this.d = (turned << 11) | (turned >>> 21);
    return (((sum << 7) | (sum >>> 25)) + a) >>> 0;
  }

  /** The next `words.length` words, the same as from `next`. The state stays in registers. */
  fill(words: Int32Array): void {
    let { a, b, c, d } = this;
    for (let i = 0; i < words.length; i++) {
      const sum = (a + d) | 0;
      words[i] = ((sum << 7) | (sum >>> 25)) + a;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }
}
