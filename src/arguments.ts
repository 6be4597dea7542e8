/**
 * Checks of the arguments of public calls, for callers without types. Each call has a table of its options and their types; a value of
 * another type is an InputError that names the argument.
 */
import { InputError, nearestHint } from "./errors.js";

/** The type of an argument, for checks while the program runs. */
export interface ArgumentType {
  /** Completes "expected …" in errors. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** The type of the entries, if the value is an array. */
  readonly entries?: ArgumentType;
  /** Allowed strings, of which errors name the nearest. */
  readonly choices?: readonly string[];
}

/** The type of each option of a call. */
export type OptionTypes<Options> = Readonly<Record<keyof Options, ArgumentType>>;

export const stringType: ArgumentType = { expected: "a string", accepts: (value) => typeof value === "string" };

export const booleanType: ArgumentType = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

export const callbackType: ArgumentType = { expected: "a function", accepts: (value) => typeof value === "function" };

export const signalType: ArgumentType = {
  expected: "an AbortSignal",
  // Not instanceof: signals of other realms and of polyfills are accepted.
  accepts: (value) =>
    isObject(value) && typeof value.aborted === "boolean" && typeof value.addEventListener === "function",
};

export const objectType: ArgumentType = { expected: "an object", accepts: isObject };

/** A whole number of at least `min`. */
export const wholeNumber = (min: number): ArgumentType => ({
  expected: `a whole number, ${min} or more`,
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min,
});

/** The seed of a `Random`. */
export const seedType: ArgumentType = { ...wholeNumber(0), expected: "a whole number from 0 to 2^53 - 1" };

export const oneOf = (choices: readonly string[]): ArgumentType => ({
  expected:
    choices.length < 3 ? choices.map((choice) => JSON.stringify(choice)).join(" or ") : `one of ${choices.join(", ")}`,
  accepts: (value) => choices.some((choice) => choice === value),
  choices,
});

export const listOf = (entries: ArgumentType): ArgumentType => ({
  expected: "an array",
  accepts: Array.isArray,
  entries,
});

export const oneOrList = (type: ArgumentType): ArgumentType => ({
  expected: `${type.expected} or an array of them`,
  accepts: (value) => Array.isArray(value) || type.accepts(value),
  entries: type,
});

/** An object with these methods. */
export const withMethods = (expected: string, methods: readonly string[]): ArgumentType => ({
  expected,
  accepts: (value) => isObject(value) && methods.every((name) => typeof value[name] === "function"),
});

export const instanceOf = (constructor: abstract new (...args: never[]) => unknown): ArgumentType => ({
  expected: `a ${constructor.name}`,
  accepts: (value) => value instanceof constructor,
});

export const either = (...types: readonly ArgumentType[]): ArgumentType => ({
  expected: types.map(({ expected }) => expected).join(" or "),
  accepts: (value) => types.some((type) => type.accepts(value)),
  choices: types.flatMap(({ choices = [] }) => choices),
});

/**
 * Checks one argument, and its entries if it is an array.
 * @throws InputError `invalid-argument` naming the argument, or the first entry that is not of the type
 */
export function checkArgument(
  where: string,
  value: unknown,
  { expected, accepts, entries, choices }: ArgumentType,
): void {
  if (!accepts(value)) {
    const hint = nearestHint(value, choices ?? []);
    throw new InputError({ code: "invalid-argument", where, expected, found: described(value), hint });
  }
  if (entries === undefined || !Array.isArray(value)) return;
  // Not forEach, which skips empty slots.
  for (let i = 0; i < value.length; i++) checkArgument(`${where}[${i}]`, value[i], entries);
}

/**
 * Checks the options of a call: their names, so that a mistyped one is not ignored, and their types. An undefined option counts as not given.
 * @param call name of the call, such as `openDataset`
 * @param whereOf how errors name an option
 * @throws InputError `invalid-argument`, with the nearest option that exists
 */
export function checkOptions<Options>(
  call: string,
  given: unknown,
  types: OptionTypes<Options>,
  whereOf = (name: string) => name,
): void {
  checkArgument(`options of ${call}`, given, objectType);
  const names = Object.keys(types);
  for (const [name, value] of Object.entries(given as object)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(types, name)) {
      throw new InputError({
        code: "invalid-argument",
        where: call,
        expected: `one of the options ${names.join(", ")}`,
        found: JSON.stringify(name),
        hint: nearestHint(name, names),
      });
    }
    checkArgument(whereOf(name), value, types[name as keyof Options]);
  }
}

/** Checks that the constructor of a class without a public one was called by its own factory. */
export function checkFactory(name: string, isValid: boolean): void {
  if (isValid) return;
  throw new InputError({
    code: "invalid-argument",
    where: `new ${name}`,
    expected: "a call of fromPretrained: the constructor is private",
    found: "a call of the constructor",
    hint: `Call ${name}.fromPretrained`,
  });
}

/** A value in an error: short, and on one line. */
export function described(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const prototype = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: unknown } } | null;
    const name = prototype === Object.prototype ? undefined : prototype?.constructor?.name;
    if (typeof name === "string" && name !== "" && name !== "Object") return `an instance of ${name}`;
  }
  try {
    return JSON.stringify(value).slice(0, 80);
  } catch {
    // A cycle, or a bigint within.
    return Array.isArray(value) ? "an array" : "an object";
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
