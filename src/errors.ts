/**
 * The error class for users. Its fields describe the problem, and its message joins them in one line: where it is, what was expected, what
 * was found and what to do.
 */

/**
 * Every code of an `InputError`, with its meaning. A code names the kind of problem for programs. Codes are stable;
 * messages may change. The same table is in docs/errors.md.
 */
export const errorCodes = {
  "invalid-usage": "The command line is wrong: an unknown flag, a missing value or a value that is not allowed.",
  "invalid-argument": "An argument of a call or the value of an option is missing or not allowed.",
  "invalid-setting":
    "A setting or an environment variable is unknown, is not allowed, or does not fit the other settings.",
  "file-not-found": "A file or folder does not exist.",
  "file-unreadable":
    "A file or folder cannot be read: no permission, a folder in place of a file, or another error of the system.",
  "file-not-writable": "A file or folder cannot be written: no permission, a read-only disk or something else there.",
  "file-exists": "Something is already there that must not be replaced.",
  "file-too-large": "A file, or a part of it, is larger than the limit.",
  "disk-full": "The disk has not enough free space, or the quota is used up.",
  "corrupt-file": "A file is damaged, cut short, breaks its own format or has changed while it was in use.",
  "invalid-json": "A text is not JSON, or not the kind of JSON value that is needed.",
  "unsupported-format": "A file is in a format, variant or text encoding that is not supported.",
  "invalid-checkpoint": "A file or folder is readable, but does not contain the weights of a supported model.",
  "parameter-mismatch": "Parameters are missing, or have other shapes or sizes than the model needs.",
  "invalid-config": "A file of a model other than its weights (config, image settings, tokenizer, answers) is wrong.",
  "unsupported-task": "The model cannot do this task: it lacks a head or another part.",
  "invalid-image": "An image cannot be decoded or processed.",
  "image-too-large": "An image has more bytes or pixels than the limit.",
  "text-too-long": "A text has more tokens than the model can take.",
  "invalid-tensor": "An input tensor is missing, or its type or values are not allowed.",
  "shape-mismatch": "A tensor does not have the required shape.",
  "invalid-dataset": "A data set, or a row of it, has wrong values.",
  "missing-column": "A data set has no column for a role that is needed.",
  "missing-data": "There is nothing to work on: no rows, images, texts or answers of the kind that is needed.",
  "model-not-found": "There is no such model, revision or file of a model.",
  "access-denied": "The hub does not let this user read the model.",
  "hub-unreachable": "The hub cannot be reached, or its answer is invalid.",
  offline: "The model is not in the cache, and the network must not be used.",
  "non-finite-values": "The weights or the results of a model are NaN or infinite.",
  "non-finite-loss": "A loss or gradient of training is NaN or infinite.",
  "run-locked": "Another training run uses the output folder.",
  "resume-mismatch": "A run cannot be resumed, because its checkpoint does not fit the settings or the model.",
  "rank-failure": "The processes of a distributed run do not find each other, do not agree, or one has failed.",
  "runtime-failed": "A device or a native library (ONNX Runtime, MPI) cannot be used.",
  disposed: "A model or data set is used after it was disposed of or closed.",
} as const;

/** The kind of an `InputError`, for programs. */
export type ErrorCode = keyof typeof errorCodes;

/** The fields of an `InputError`. */
export interface InputProblem {
  /** The kind of problem, for programs. */
  readonly code: ErrorCode;
  /** The file, flag, parameter or argument that is wrong, as the user knows it. */
  readonly where: string;
  /** The expected value, with the reason if it is not obvious. */
  readonly expected: string;
  /** The value that was found instead. */
  readonly found: string;
  /** What the user can do about it: an imperative sentence without its full stop. */
  readonly hint?: string | undefined;
}

/**
 * Bad input: a file, flag, request or argument that a user can correct. Every interface shows its message and never its stack.
 * @example
 * const error = new InputError({ code: "invalid-argument", where: "topK", expected: "1 or more", found: "0", hint: "Use 5" });
 * console.log(error.message); // topK: expected 1 or more, found 0. Use 5.
 * console.log(error.code); // invalid-argument
 */
export class InputError extends Error implements InputProblem {
  override readonly name = "InputError";
  readonly code: ErrorCode;
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  declare readonly hint?: string;

  constructor(problem: InputProblem, options?: { cause?: unknown }) {
    super(wording(problem), options);
    this.code = problem.code;
    this.where = problem.where;
    this.expected = problem.expected;
    this.found = problem.found;
    if (problem.hint !== undefined) this.hint = problem.hint;
  }

  /**
   * The code for an error of the file system.
   * @param systemCode such as `ENOENT`
   * @param otherwise the code if the system's code is not specific: the failed action
   */
  static fileCode(
    systemCode: string | undefined,
    otherwise: "file-unreadable" | "file-not-writable" = "file-unreadable",
  ): ErrorCode {
    if (systemCode === "ENOENT" || systemCode === "ENOTDIR") return "file-not-found";
    return systemCode === "ENOSPC" || systemCode === "EDQUOT" ? "disk-full" : otherwise;
  }

  /** The fields alone: for JSON, for another thread, or to make another error of them. */
  toJSON(): InputProblem {
    const { code, where, expected, found, hint } = this;
    return { code, where, expected, found, ...(hint === undefined ? {} : { hint }) };
  }
}

/** `where: expected …, found …. Hint.` on a single line, with characters of hostile names that break or reorder a line made visible. */
function wording({ where, expected, found, hint }: InputProblem): string {
  const line = `${where}: expected ${expected}, found ${found}.${hint === undefined ? "" : ` ${hint}.`}`;
  return line.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (c) => {
    const escaped = JSON.stringify(c).slice(1, -1);
    // JSON escapes only the first 32.
    return escaped === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : escaped;
  });
}

/** Containers inside each other that `shortJson` shows. */
const shownDepth = 4;

/**
 * The start of the JSON text of a value, for `found`. A value of a file may be nested too deeply for `JSON.stringify`, hold itself, or be
 * larger than any error should be.
 * @param maxLength characters
 * @example
 * shortJson({ a: [1, 2] }); // {"a":[1,2]}
 */
export function shortJson(value: unknown, maxLength = 80): string {
  // Each entry takes a character at least. Without one limit for all, lists that share their entries grow with the power of their depth.
  const budget = { entries: maxLength };
  return (JSON.stringify(pruned(value, maxLength, shownDepth, budget)) ?? typeof value).slice(0, maxLength);
}

function pruned(value: unknown, maxLength: number, depth: number, budget: { entries: number }): unknown {
  if (typeof value === "string") return value.slice(0, maxLength);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "…";
  const isList = Array.isArray(value);
  const kept: [string, unknown][] = [];
  for (const key in value) {
    if (budget.entries-- <= 0) break;
    const entry = (value as Readonly<Record<string, unknown>>)[key];
    kept.push([key, pruned(entry, maxLength, depth - 1, budget)]);
  }
  return isList ? kept.map(([, entry]) => entry) : Object.fromEntries(kept);
}

/** Messages of a package, of its library or of a library that this one needs which cannot be loaded. */
const notLoaded =
  /Cannot find (?:package|module)|[Cc]ould not load the "|cannot open shared object|Error loading shared library|invalid ELF header|not a valid Win32|dlopen|ERR_DLOPEN_FAILED|wrong ELF class|GLIBC/;

/**
 * The error of a package with native code that is not installed or has no library for this platform.
 * @param cause what loading or first using it threw
 * @returns undefined if the cause is another one
 */
export function missingPackage(name: string, cause: unknown): InputError | undefined {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (!notLoaded.test(message)) return undefined;
  return new InputError(
    {
      code: "runtime-failed",
      where: `package ${name}`,
      expected: `its files for ${process.platform}-${process.arch}`,
      found: `«${message.split("\n")[0]}»`,
      hint: `Install the packages again, without install scripts that download more: npm install --ignore-scripts. In a bundle, keep ${name} external`,
    },
    { cause },
  );
}

/**
 * The hint for an unknown name or value: `The nearest is gelu or relu`.
 * @param name the given value; only strings have a nearest name
 * @returns undefined if no choice is similar
 */
export function nearestHint(name: unknown, choices: Iterable<string>): string | undefined {
  const near = typeof name === "string" ? nearestNames(name, choices) : [];
  return near.length === 0 ? undefined : `The nearest is ${near.join(" or ")}`;
}

/** The candidates most similar to a mistyped name, nearest first. */
export function nearestNames(name: string, candidates: Iterable<string>, count = 3): string[] {
  const limit = Math.max(2, Math.floor(name.length / 3));
  return (
    [...candidates]
      // Comparing a name of a million characters would take minutes.
      .filter((candidate) => Math.abs(candidate.length - name.length) <= limit)
      .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
      .filter(({ distance }) => distance <= limit)
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count)
      .map(({ candidate }) => candidate)
  );
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
