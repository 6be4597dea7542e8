/** Random choices of scenes: ranges, entries of lists, shares. */
import type { Random } from "bridgetower/learner";

export function chance(random: Random, probability: number): boolean {
  return random.uniform() < probability;
}

/** Uniform in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** The entry for a number that was sampled before: the same number selects the same position in any list. @param u in [0, 1) */
export function pickAt<T>(u: number, list: readonly T[]): T {
  return list[Math.floor(u * list.length)]!;
}

/** An entry, sampled by its share. The shares add up to 1. */
export function pickByShare<T extends string>(random: Random, shares: Readonly<Record<T, number>>): T {
  const names = Object.keys(shares) as T[];
  let rest = random.uniform();
  for (const name of names) {
    rest -= shares[name];
    if (rest < 0) return name;
  }
  // Shares of fractions may add up to a little less than 1.
  return names.at(-1)!;
}

/** `count` different entries in random order. */
export function sample<T>(random: Random, list: readonly T[], count: number): T[] {
  return Array.from(random.permutation(list.length).subarray(0, count), (i) => list[i]!);
}

/** Samples until a result passes. The limit ends a search that cannot succeed. */
export function drawUntil<T>(what: string, draw: () => T | undefined): T {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const result = draw();
    if (result !== undefined) return result;
  }
  throw new Error(`no ${what} in 20,000 draws: the vocabulary or the sprites are too few for this split`);
}
