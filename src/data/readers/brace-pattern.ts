/**
 * Shards by a pattern, as in the shell: `shard-{000..012}.tar`, `{train,val}.tar`. brace-expansion is not used, because it takes the
 * backslashes of Windows paths as escapes and cuts off long lists silently.
 */

import { InputError } from "../../errors.js";

/** More shards than any published set has. */
const maxPaths = 100_000;

export function isBracePattern(path: string): boolean {
  return /\{[^{}]*(\.\.|,)[^{}]*\}/.test(path);
}

/**
 * The paths of a pattern in order. The last part changes fastest.
 * @throws InputError if there are more than 100,000
 */
export function expandBraces(pattern: string): string[] {
  let paths = [""];
  let position = 0;
  const extend = (choices: readonly string[]) => {
    if (paths.length * choices.length > maxPaths) throw tooMany(pattern);
    paths = paths.flatMap((path) => choices.map((choice) => path + choice));
  };
  for (const match of pattern.matchAll(/\{([^{}]*)\}/g)) {
    extend([pattern.slice(position, match.index)]);
    extend(choicesOf(pattern, match[0], match[1]!));
    position = match.index + match[0].length;
  }
  extend([pattern.slice(position)]);
  return paths;
}

function choicesOf(pattern: string, whole: string, inside: string): string[] {
  const range = /^(\d{1,15})\.\.(\d{1,15})$/.exec(inside);
  if (range === null) return inside.includes(",") ? inside.split(",") : [whole];
  const [first, last] = [Number(range[1]), Number(range[2])];
  const count = Math.abs(last - first) + 1;
  if (count > maxPaths) throw tooMany(pattern);
  const step = Math.sign(last - first);
  const isPadded = [range[1]!, range[2]!].some((number) => number.length > 1 && number.startsWith("0"));
  const width = isPadded ? Math.max(range[1]!.length, range[2]!.length) : 0;
  return Array.from({ length: count }, (_, i) => String(first + i * step).padStart(width, "0"));
}

function tooMany(pattern: string): InputError {
  const expected = `a pattern of at most ${maxPaths} paths`;
  return new InputError({
    code: "invalid-argument",
    where: pattern,
    expected,
    found: "more",
    hint: "Pass the folder of the shards instead",
  });
}
