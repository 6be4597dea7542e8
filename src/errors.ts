/**
 * The one error that users see. It carries what went wrong as fields and words them as one line:
 * where it is, what was expected, what was found and how to mend it.
 */

export interface Problem {
  /** The file, flag, parameter or argument that is wrong, as the user knows it. */
  readonly where: string;
  /** What should have been there, with the reason where it is not plain. */
  readonly expected: string;
  /** What was there instead. */
  readonly found: string;
  /** What the user can do about it: an imperative sentence without its full stop. */
  readonly mend?: string;
}

/** Bad input: a file, flag, request or argument that a user can mend. Every door shows its message and never its stack. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly problem: Problem;

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(wording(problem), options);
    this.problem = problem;
  }
}

/** `where: expected …, found …. Mend.` on a single line, with characters of hostile names that break or reorder a line made visible. */
function wording({ where, expected, found, mend }: Problem): string {
  const line = `${where}: expected ${expected}, found ${found}.${mend === undefined ? "" : ` ${mend}.`}`;
  return line.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (c) => {
    const escaped = JSON.stringify(c).slice(1, -1);
    // JSON leaves all but the first 32 as they are.
    return escaped === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : escaped;
  });
}

/** The candidates most like a mistyped name, nearest first, for the «did you mean» of an error. */
export function nearestNames(name: string, candidates: Iterable<string>, count = 3): string[] {
  const limit = Math.max(2, Math.floor(name.length / 3));
  return [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substituted));
    }
    previous = current;
  }
  return previous[b.length]!;
}
