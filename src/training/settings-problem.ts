/** Formats the error of an invalid setting: its name, the allowed values and the given one. */
import { z } from "zod";
import { InputError, nearestHint, nearestNames, shortJson } from "../errors.js";

type Issue = z.core.$ZodIssue;

/**
 * What is expected, for schemas that do not say it themselves; for an unknown name the hint with those that exist.
 * @returns undefined for problems that only schemas with custom messages have
 */
export const expectedValue: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === "invalid_type") return kinds[issue.expected];
  if (issue.code === "invalid_value") {
    return issue.values.length === 1 ? JSON.stringify(issue.values[0]) : `one of ${issue.values.join(", ")}`;
  }
  return issue.code === "unrecognized_keys" ? namesHint(issue.keys[0]!, namesOf(issue.inst)) : undefined;
};

const kinds: Readonly<Record<string, string>> = {
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

const namesHint = (name: string, names: readonly string[]): string =>
  nearestHint(name, names) ?? `There are ${names.join(", ")}`;

/** The names that an object may have. */
function namesOf(schema: unknown): string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  const keys = schema instanceof z.ZodRecord ? schema.keyType : undefined;
  return keys instanceof z.ZodEnum ? keys.options.map(String) : [];
}

/**
 * @param issues one or more issues of zod, with the messages of `expectedValue`
 * @param given  the settings
 * @param where  name of the file, for errors
 */
export function settingsProblem(issues: readonly Issue[], given: object, where: string): InputError {
  const all = issues.map(innermost);
  const valueAt = (path: readonly PropertyKey[]) =>
    path.reduce<unknown>((value, key) => (value as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key], given);
  // A mistyped name is also missing.
  const missing = all.flatMap(({ path }) => (valueAt(path) === undefined ? [String(path.at(-1))] : []));
  const mistyped = all.find(({ issue }) => {
    const unknown = unknownIn(issue);
    return unknown !== undefined && nearestNames(unknown, missing).length > 0;
  });
  const { issue, path } = mistyped ?? all[0]!;
  const unknown = unknownIn(issue);
  const names = unknown === undefined ? path : [...path, unknown];
  const problem = { code: "invalid-setting", where: `${where}: ${names.map(String).join(".")}` } as const;
  if (unknown !== undefined) {
    const expected = "a setting of a training run";
    return new InputError({ ...problem, expected, found: "an unknown name", hint: issue.message });
  }
  const found = valueAt(path);
  const hint = nearestHint(found, choicesOf(issue));
  return new InputError({ ...problem, expected: alternatives(issue).join(" or "), found: described(found), hint });
}

/** A value for an error, shortened. */
export const described = (value: unknown): string => {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return String(value);
  return shortJson(value);
};

interface Placed {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/** In a union, the issue of the form that was meant, which is about more than the type of the value; otherwise that of the union. */
function innermost(issue: Issue): Placed {
  if (issue.code !== "invalid_union") return { issue, path: issue.path };
  for (const [first] of issue.errors) {
    if (first === undefined) continue;
    const inner = innermost(first);
    const isMeant = inner.path.length > 0 || inner.issue.code === "unrecognized_keys";
    if (isMeant) return { issue: inner.issue, path: [...issue.path, ...inner.path] };
  }
  return { issue, path: issue.path };
}

const unknownIn = (issue: Issue): string | undefined =>
  issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;

/** The issues of each form of a union. */
function formsOf(issue: Issue): Issue[] {
  return issue.code === "invalid_union" ? issue.errors.flatMap(([first]) => (first ? formsOf(first) : [])) : [issue];
}

const alternatives = (issue: Issue): string[] => [...new Set(formsOf(issue).map(({ message }) => message))];

/** The values that are allowed, if they can be listed. */
const choicesOf = (issue: Issue): string[] =>
  formsOf(issue).flatMap((form) => (form.code === "invalid_value" ? form.values.map(String) : []));
